"""Users, sessions, tokens, set-up."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from controlplane.accounts.choices import Role

__all__ = [
    "CredentialsSerializer", "NewTokenSerializer", "NewUserSerializer", "SessionSerializer", "SetupSerializer",
    "SetupStateSerializer", "TokenRequestSerializer", "TokenSerializer", "UserChangeSerializer", "UserSerializer",
]  # fmt: skip


class CredentialsSerializer(serializers.Serializer[Any]):
    """Sign-in."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=500, trim_whitespace=False)


class SetupSerializer(CredentialsSerializer):
    """First admin."""

    token = serializers.CharField(max_length=200)


class SetupStateSerializer(serializers.Serializer[Any]):
    """Whether nobody administers the plane yet."""

    needed = serializers.BooleanField()


class SessionUserSerializer(serializers.Serializer[Any]):
    """Who is signed in."""

    id = serializers.UUIDField(allow_null=True)
    username = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices)


class OrganisationSerializer(serializers.Serializer[Any]):
    """Whose hosts these are."""

    name = serializers.CharField()


class SessionSerializer(serializers.Serializer[Any]):
    """The present session."""

    user = SessionUserSerializer()
    organisation = OrganisationSerializer()


class UserSerializer(serializers.Serializer[Any]):
    """A user as admins see it."""

    id = serializers.UUIDField()
    username = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices)
    is_active = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    last_login = serializers.DateTimeField(allow_null=True)


class NewUserSerializer(serializers.Serializer[Any]):
    """A user to make."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=500, trim_whitespace=False)
    role = serializers.ChoiceField(choices=Role.choices, default=Role.MEMBER)


class UserChangeSerializer(serializers.Serializer[Any]):
    """What to change; what is left out stays."""

    role = serializers.ChoiceField(choices=Role.choices, required=False)
    password = serializers.CharField(max_length=500, trim_whitespace=False, required=False)
    is_active = serializers.BooleanField(required=False)


class TokenSerializer(serializers.Serializer[Any]):
    """A token without its secret."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    prefix = serializers.CharField()
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)


class NewTokenSerializer(TokenSerializer):
    """A token with its secret: shown this once."""

    token = serializers.CharField()


class TokenRequestSerializer(serializers.Serializer[Any]):
    """A token to make."""

    name = serializers.CharField(max_length=100)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
