"""The error shape."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

__all__ = ["ErrorSerializer", "JobErrorSerializer"]


class ErrorDetailSerializer(serializers.Serializer[Any]):
    """What failed, why, and the one thing to do next."""

    code = serializers.CharField()
    what = serializers.CharField()
    why = serializers.CharField()
    next = serializers.CharField()
    message = serializers.CharField()
    request_id = serializers.CharField()
    fields = serializers.DictField(required=False)  # type: ignore[assignment]


class ErrorSerializer(serializers.Serializer[Any]):
    """Body of every error answer."""

    error = ErrorDetailSerializer()


class JobErrorSerializer(serializers.Serializer[Any]):
    """Why a job failed."""

    code = serializers.CharField()
    what = serializers.CharField()
    why = serializers.CharField()
    next = serializers.CharField()
    message = serializers.CharField()
