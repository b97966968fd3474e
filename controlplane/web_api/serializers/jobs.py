"""Jobs, the audit record, the overview."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from controlplane.jobs.choices import JobState
from controlplane.web_api.serializers.errors import JobErrorSerializer
from controlplane.web_api.serializers.hosts import HostRefSerializer
from controlplane.web_api.serializers.objects import EventSerializer

__all__ = ["AuditSerializer", "HealthSerializer", "JobOutputSerializer", "JobSerializer", "OverviewSerializer"]


class JobTargetSerializer(serializers.Serializer[Any]):
    """What a job works on."""

    type = serializers.CharField()
    id = serializers.CharField()
    name = serializers.CharField()


class JobSerializer(serializers.Serializer[Any]):
    """A durable operation."""

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    kind = serializers.CharField()
    title = serializers.CharField()
    state = serializers.ChoiceField(choices=JobState.choices)
    host = HostRefSerializer(allow_null=True)
    target = JobTargetSerializer()
    actor = serializers.CharField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    progress = serializers.FloatField(allow_null=True)
    error = JobErrorSerializer(allow_null=True)
    result = serializers.JSONField(allow_null=True)
    retryable = serializers.BooleanField()
    attempts = serializers.IntegerField()


class JobLineSerializer(serializers.Serializer[Any]):
    """One output line."""

    n = serializers.IntegerField()
    at = serializers.DateTimeField()
    stream = serializers.CharField()
    text = serializers.CharField()


class JobOutputSerializer(serializers.Serializer[Any]):
    """Output after a number; `done`: there will be no more."""

    lines = JobLineSerializer(many=True)
    done = serializers.BooleanField()


class AuditSerializer(serializers.Serializer[Any]):
    """One entry of the record; `result` null: under way, or cut off."""

    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    actor_type = serializers.CharField()
    method = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    action = serializers.CharField()
    target = JobTargetSerializer()
    host_id = serializers.UUIDField(allow_null=True)
    host_name = serializers.CharField()
    request_id = serializers.CharField()
    job_id = serializers.UUIDField(allow_null=True)
    decision = serializers.ChoiceField(choices=["allowed", "denied"])
    detail = serializers.CharField()
    result = serializers.CharField(allow_null=True)


class HostCountsSerializer(serializers.Serializer[Any]):
    """Hosts by state."""

    online = serializers.IntegerField()
    degraded = serializers.IntegerField()
    offline = serializers.IntegerField()
    unknown = serializers.IntegerField()
    pending = serializers.IntegerField()
    total = serializers.IntegerField()


class ContainerCountsSerializer(serializers.Serializer[Any]):
    """Containers by state."""

    running = serializers.IntegerField()
    exited = serializers.IntegerField()
    paused = serializers.IntegerField()
    restarting = serializers.IntegerField()
    unhealthy = serializers.IntegerField()
    total = serializers.IntegerField()


class AttentionSerializer(serializers.Serializer[Any]):
    """Something a person should look at; `action` is the id of the one thing to do next."""

    kind = serializers.ChoiceField(
        choices=[
            "host_silent", "host_offline", "host_degraded", "container_unhealthy", "container_restarting", "job_failed",
            "disk_low",
        ]
    )  # fmt: skip
    severity = serializers.ChoiceField(choices=["warning", "critical"])
    title = serializers.CharField()
    detail = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True)
    host = HostRefSerializer(allow_null=True)
    container_id = serializers.CharField(allow_null=True)
    job_id = serializers.UUIDField(allow_null=True)
    action = serializers.ChoiceField(choices=["open_host", "open_container", "open_logs", "open_job"])


class CapacitySerializer(serializers.Serializer[Any]):
    """Sums over hosts that are online or degraded."""

    cpus = serializers.IntegerField()
    memory_bytes = serializers.IntegerField()
    memory_used_bytes = serializers.IntegerField()
    disk_bytes = serializers.IntegerField()
    disk_used_bytes = serializers.IntegerField()


class OverviewSerializer(serializers.Serializer[Any]):
    """The first page."""

    hosts = HostCountsSerializer()
    containers = ContainerCountsSerializer()
    attention = AttentionSerializer(many=True)
    recent_jobs = JobSerializer(many=True)
    recent_events = EventSerializer(many=True)
    capacity = CapacitySerializer()


class HealthComponentSerializer(serializers.Serializer[Any]):
    """One part of the plane."""

    ok = serializers.BooleanField()
    detail = serializers.CharField()


class HealthSerializer(serializers.Serializer[Any]):
    """All parts of the plane."""

    ok = serializers.BooleanField()
    components = serializers.DictField(child=HealthComponentSerializer())
