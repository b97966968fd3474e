"""What each host said it has. One writer: `actions`, fed by the gateway's news."""

from __future__ import annotations

from django.db import models

__all__ = ["Container", "EngineEvent", "HostMirror", "Image", "Network", "TerminalTicket", "Volume"]


class HostMirror(models.Model):
    """How far the mirror of one host is: the agent's sequence number and when it was last known to be true."""

    host = models.OneToOneField("fleet.Host", on_delete=models.CASCADE, related_name="mirror", primary_key=True)
    sequence = models.BigIntegerField(default=0)
    as_of = models.DateTimeField(null=True)


class Container(models.Model):
    """One container of one host. `labels_text` holds `key=value` lines for filtering in SQL."""

    host = models.ForeignKey("fleet.Host", on_delete=models.CASCADE, related_name="containers")
    container_id = models.CharField(max_length=64)
    name = models.CharField(max_length=255)
    image = models.CharField(max_length=512)
    image_id = models.CharField(max_length=80)
    command = models.TextField(blank=True)
    state = models.CharField(max_length=16, db_index=True)
    status = models.CharField(max_length=128, blank=True)
    health = models.CharField(max_length=16, blank=True)
    exit_code = models.IntegerField(null=True)
    created_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    ports = models.JSONField(default=list)
    labels = models.JSONField(default=dict)
    labels_text = models.TextField(blank=True)
    networks = models.JSONField(default=list)
    mounts = models.JSONField(default=list)
    restart_policy = models.CharField(max_length=32, blank=True)
    restart_count = models.IntegerField(default=0)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("host", "container_id"), name="one_row_per_container"),)
        indexes = (models.Index(fields=("name",)), models.Index(fields=("host", "state")))


class Image(models.Model):
    """One image of one host."""

    host = models.ForeignKey("fleet.Host", on_delete=models.CASCADE, related_name="images")
    image_id = models.CharField(max_length=80)
    tags = models.JSONField(default=list)
    tags_text = models.TextField(blank=True)
    digests = models.JSONField(default=list)
    size_bytes = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(null=True)
    containers = models.IntegerField(default=-1)
    labels = models.JSONField(default=dict)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("host", "image_id"), name="one_row_per_image"),)


class Volume(models.Model):
    """One volume of one host."""

    host = models.ForeignKey("fleet.Host", on_delete=models.CASCADE, related_name="volumes")
    name = models.CharField(max_length=255)
    driver = models.CharField(max_length=64, blank=True)
    mountpoint = models.CharField(max_length=1024, blank=True)
    created_at = models.DateTimeField(null=True)
    labels = models.JSONField(default=dict)
    options = models.JSONField(default=dict)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("host", "name"), name="one_row_per_volume"),)


class Network(models.Model):
    """One network of one host."""

    host = models.ForeignKey("fleet.Host", on_delete=models.CASCADE, related_name="networks")
    network_id = models.CharField(max_length=64)
    name = models.CharField(max_length=255)
    driver = models.CharField(max_length=64, blank=True)
    scope = models.CharField(max_length=16, blank=True)
    internal = models.BooleanField(default=False)
    subnets = models.JSONField(default=list)
    created_at = models.DateTimeField(null=True)
    labels = models.JSONField(default=dict)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("host", "network_id"), name="one_row_per_network"),)


class EngineEvent(models.Model):
    """A recent Docker event of a host, for the dashboard's activity list; old ones are dropped."""

    host = models.ForeignKey("fleet.Host", on_delete=models.CASCADE, related_name="engine_events")
    sequence = models.BigIntegerField()
    at = models.DateTimeField(db_index=True)
    type = models.CharField(max_length=16)
    action = models.CharField(max_length=64)
    object_id = models.CharField(max_length=255)
    name = models.CharField(max_length=255, blank=True)
    image = models.CharField(max_length=512, blank=True)
    exit_code = models.CharField(max_length=8, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("host", "sequence"), name="one_row_per_event"),)


class TerminalTicket(models.Model):
    """Permission to open one terminal, single use, short-lived. Rights and audit were settled when it was issued."""

    digest = models.CharField(max_length=64, unique=True)
    session = models.CharField(max_length=64)
    user_id = models.UUIDField(null=True)
    host = models.ForeignKey("fleet.Host", on_delete=models.CASCADE)
    container_id = models.CharField(max_length=64)
    params = models.JSONField(default=dict)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
