"""Containers: list and detail shape, what can be asked of them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from controlplane.web_api.serializers.hosts import HostRefSerializer

__all__ = [
    "ContainerActionSerializer", "ContainerDetailSerializer", "ContainerFacetsSerializer", "ContainerSerializer",
    "NewContainerSerializer", "TerminalRequestSerializer", "TerminalSerializer", "TopSerializer",
]  # fmt: skip

CONTAINER_STATES = ["created", "running", "paused", "restarting", "removing", "exited", "dead"]


class PortSerializer(serializers.Serializer[Any]):
    """A port; `public` null: not published."""

    ip = serializers.CharField(allow_null=True)
    private = serializers.IntegerField()
    public = serializers.IntegerField(allow_null=True)
    type = serializers.CharField()


class MountSerializer(serializers.Serializer[Any]):
    """A mount."""

    type = serializers.CharField()
    name = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    destination = serializers.CharField()
    read_only = serializers.BooleanField()  # type: ignore[assignment]


class PendingSerializer(serializers.Serializer[Any]):
    """What is being done to it."""

    action = serializers.CharField()
    job_id = serializers.UUIDField()


class ContainerSerializer(serializers.Serializer[Any]):
    """A container of one host. `stale`: the host is silent and this was true at `as_of`."""

    id = serializers.CharField()
    host = HostRefSerializer()
    name = serializers.CharField()
    image = serializers.CharField()
    image_id = serializers.CharField()
    command = serializers.CharField()
    state = serializers.ChoiceField(choices=CONTAINER_STATES)
    status = serializers.CharField()
    health = serializers.CharField(allow_null=True)
    exit_code = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    ports = PortSerializer(many=True)
    labels = serializers.DictField(child=serializers.CharField())
    networks = serializers.ListField(child=serializers.CharField())
    mounts = MountSerializer(many=True)
    restart_policy = serializers.CharField()
    restart_count = serializers.IntegerField()
    stale = serializers.BooleanField()
    as_of = serializers.DateTimeField(allow_null=True)
    pending = PendingSerializer(allow_null=True)


class ContainerDetailSerializer(ContainerSerializer):
    """With the engine's own inspect answer; null while the host cannot be asked."""

    inspect = serializers.DictField(allow_null=True)


class ContainerFacetsSerializer(serializers.Serializer[Any]):
    """How many of all matching rows each state and each host (by id) has."""

    state = serializers.DictField(child=serializers.IntegerField())
    host = serializers.DictField(child=serializers.IntegerField())


class PublishSerializer(serializers.Serializer[Any]):
    """A port to publish."""

    host_ip = serializers.CharField(required=False, allow_blank=True, default="")
    host_port = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=65535, default=None)
    container_port = serializers.IntegerField(min_value=1, max_value=65535)
    protocol = serializers.ChoiceField(choices=["tcp", "udp", "sctp"], default="tcp")


class VolumeMountSerializer(serializers.Serializer[Any]):
    """A named volume or a host path to mount."""

    source = serializers.CharField(max_length=1024, allow_blank=True)  # type: ignore[assignment]
    target = serializers.CharField(max_length=1024)
    read_only = serializers.BooleanField(default=False)  # type: ignore[assignment]


class RestartPolicySerializer(serializers.Serializer[Any]):
    """When to start it again."""

    name = serializers.ChoiceField(choices=["no", "always", "on-failure", "unless-stopped"], default="no")
    max_retry = serializers.IntegerField(default=0, min_value=0)


class NewContainerSerializer(serializers.Serializer[Any]):
    """A container to run. `command` and `entrypoint` are lists of words."""

    host = serializers.CharField(required=False, allow_blank=True, help_text="id or name; empty: the plane chooses")
    name = serializers.CharField(required=False, allow_blank=True, max_length=255)
    image = serializers.CharField(max_length=512)
    command = serializers.ListField(child=serializers.CharField(allow_blank=True), required=False, allow_null=True)
    entrypoint = serializers.ListField(child=serializers.CharField(allow_blank=True), required=False, allow_null=True)
    env = serializers.ListField(child=serializers.CharField(), required=False)
    ports = PublishSerializer(many=True, required=False)
    volumes = VolumeMountSerializer(many=True, required=False)
    restart_policy = RestartPolicySerializer(required=False)
    memory_bytes = serializers.IntegerField(required=False, allow_null=True, min_value=0)
    nano_cpus = serializers.IntegerField(required=False, allow_null=True, min_value=0)
    pids_limit = serializers.IntegerField(required=False, allow_null=True, min_value=0)
    labels = serializers.DictField(child=serializers.CharField(allow_blank=True), required=False)
    tty = serializers.BooleanField(default=False)
    open_stdin = serializers.BooleanField(default=False)
    user = serializers.CharField(required=False, allow_blank=True)
    workdir = serializers.CharField(required=False, allow_blank=True)
    network = serializers.CharField(required=False, allow_blank=True)
    hostname = serializers.CharField(required=False, allow_blank=True)
    auto_remove = serializers.BooleanField(default=False)
    privileged = serializers.BooleanField(default=False)
    start = serializers.BooleanField(default=True)
    pull = serializers.ChoiceField(choices=["missing", "always", "never"], default="missing")


class ContainerActionSerializer(serializers.Serializer[Any]):
    """What to do to a container. The other fields are parameters of the action that their text names."""

    action = serializers.ChoiceField(
        choices=["start", "stop", "restart", "kill", "pause", "unpause", "remove", "rename", "update"]
    )
    timeout_s = serializers.IntegerField(required=False, allow_null=True, min_value=-1, help_text="stop, restart")
    signal = serializers.CharField(required=False, help_text="stop, restart, kill")
    force = serializers.BooleanField(required=False, help_text="remove")
    volumes = serializers.BooleanField(required=False, help_text="remove: its anonymous volumes too")
    name = serializers.CharField(required=False, help_text="rename")
    memory_bytes = serializers.IntegerField(required=False, allow_null=True, min_value=0, help_text="update")
    nano_cpus = serializers.IntegerField(required=False, allow_null=True, min_value=0, help_text="update")
    pids_limit = serializers.IntegerField(required=False, allow_null=True, help_text="update")
    restart_policy = RestartPolicySerializer(required=False, help_text="update")


class TopSerializer(serializers.Serializer[Any]):
    """Processes of a container."""

    titles = serializers.ListField(child=serializers.CharField())
    processes = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))


class TerminalRequestSerializer(serializers.Serializer[Any]):
    """A terminal to open."""

    shell = serializers.CharField(required=False, allow_blank=True, help_text="empty: bash, else sh")
    user = serializers.CharField(required=False, allow_blank=True)
    rows = serializers.IntegerField(min_value=1, max_value=1000, default=24)
    cols = serializers.IntegerField(min_value=1, max_value=1000, default=80)
    attach = serializers.BooleanField(default=False, help_text="attach to the main process instead of a shell")


class TerminalSerializer(serializers.Serializer[Any]):
    """A ticket for `/ws/terminal`, good for 30 s and one use; `session` reconnects to the same terminal."""

    ticket = serializers.CharField()
    session = serializers.CharField()
