"""Hosts and enrolments."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from controlplane.fleet.choices import HostState

__all__ = [
    "EnrolmentRequestSerializer", "EnrolmentSerializer", "EnrolmentStateSerializer", "HostChangeSerializer",
    "HostRefSerializer", "HostSerializer",
]  # fmt: skip


ENROLMENT_STATES = ["waiting", "used", "expired"]
LINK_STATES = ["up", "left", "lost"]


class FindingSerializer(serializers.Serializer[Any]):
    """Something the agent's doctor found."""

    code = serializers.CharField()
    severity = serializers.CharField()
    title = serializers.CharField()
    detail = serializers.CharField()
    next = serializers.CharField()


class LinkEventSerializer(serializers.Serializer[Any]):
    """One change of the link."""

    at = serializers.DateTimeField()
    state = serializers.ChoiceField(choices=LINK_STATES)


class HostRefSerializer(serializers.Serializer[Any]):
    """A host in another object's shape."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=HostState.choices)


class HostSerializer(serializers.Serializer[Any]):
    """A host with what is known of it now. Numbers are null until the agent has told them."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=HostState.choices)
    since = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField(allow_null=True)
    version = serializers.CharField()
    runtime = serializers.CharField()
    os = serializers.CharField()
    kernel = serializers.CharField()
    cpus = serializers.IntegerField(allow_null=True)
    memory_bytes = serializers.IntegerField(allow_null=True)
    memory_used_bytes = serializers.IntegerField(allow_null=True)
    cpu_percent = serializers.FloatField(allow_null=True)
    disk_bytes = serializers.IntegerField(allow_null=True)
    disk_used_bytes = serializers.IntegerField(allow_null=True)
    containers_running = serializers.IntegerField()
    containers_total = serializers.IntegerField()
    labels = serializers.DictField(child=serializers.CharField())
    schedulable = serializers.BooleanField()
    findings = FindingSerializer(many=True)
    link_history = LinkEventSerializer(many=True)
    created_at = serializers.DateTimeField()


class HostChangeSerializer(serializers.Serializer[Any]):
    """What to change; what is left out stays."""

    name = serializers.CharField(max_length=63, required=False)
    labels = serializers.DictField(child=serializers.CharField(allow_blank=True), required=False)
    schedulable = serializers.BooleanField(required=False)


class EnrolmentRequestSerializer(serializers.Serializer[Any]):
    """Permission for one machine to join."""

    name = serializers.CharField(max_length=63, required=False, allow_blank=True)
    ttl_s = serializers.IntegerField(required=False, min_value=60, max_value=604800)
    labels = serializers.DictField(child=serializers.CharField(allow_blank=True), required=False)


class EnrolmentSerializer(serializers.Serializer[Any]):
    """The permission, with its secret and the line to run: shown this once."""

    id = serializers.UUIDField()
    token = serializers.CharField()
    command = serializers.CharField()
    expires_at = serializers.DateTimeField()


class EnrolmentStepSerializer(serializers.Serializer[Any]):
    """One step of joining; `ok` null: not reached yet."""

    step = serializers.ChoiceField(choices=["token", "enrolled", "linked", "checked"])
    ok = serializers.BooleanField(allow_null=True)
    detail = serializers.CharField()


class EnrolmentStateSerializer(serializers.Serializer[Any]):
    """How far a machine has come in joining."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=ENROLMENT_STATES)
    host = HostRefSerializer(allow_null=True)
    expires_at = serializers.DateTimeField()
    steps = EnrolmentStepSerializer(many=True)
