"""Images, volumes, networks, events."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from controlplane.web_api.serializers.hosts import HostRefSerializer

__all__ = [
    "EventSerializer", "ImageSerializer", "NetworkSerializer", "NewNetworkSerializer", "NewVolumeSerializer",
    "PullSerializer", "VolumeSerializer",
]  # fmt: skip


class ImageSerializer(serializers.Serializer[Any]):
    """An image of one host. `containers` is how many use it."""

    id = serializers.CharField()
    host = HostRefSerializer()
    tags = serializers.ListField(child=serializers.CharField())
    digests = serializers.ListField(child=serializers.CharField())
    size_bytes = serializers.IntegerField()
    created_at = serializers.DateTimeField(allow_null=True)
    containers = serializers.IntegerField()
    labels = serializers.DictField(child=serializers.CharField())
    stale = serializers.BooleanField()


class VolumeSerializer(serializers.Serializer[Any]):
    """A volume of one host."""

    name = serializers.CharField()
    host = HostRefSerializer()
    driver = serializers.CharField()
    mountpoint = serializers.CharField()
    created_at = serializers.DateTimeField(allow_null=True)
    labels = serializers.DictField(child=serializers.CharField())
    options = serializers.DictField(child=serializers.CharField())
    used_by = serializers.ListField(child=serializers.CharField(), help_text="names of containers")
    stale = serializers.BooleanField()


class NetworkSerializer(serializers.Serializer[Any]):
    """A network of one host."""

    id = serializers.CharField()
    name = serializers.CharField()
    host = HostRefSerializer()
    driver = serializers.CharField()
    scope = serializers.CharField()
    internal = serializers.BooleanField()
    subnets = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField(allow_null=True)
    labels = serializers.DictField(child=serializers.CharField())
    used_by = serializers.ListField(child=serializers.CharField(), help_text="names of containers")
    stale = serializers.BooleanField()


class EventSerializer(serializers.Serializer[Any]):
    """A Docker event of one host."""

    at = serializers.DateTimeField()
    host = HostRefSerializer()
    type = serializers.CharField()
    action = serializers.CharField()
    id = serializers.CharField()
    name = serializers.CharField()
    image = serializers.CharField()
    exit_code = serializers.CharField()


class PullSerializer(serializers.Serializer[Any]):
    """An image to pull."""

    host = serializers.CharField(help_text="id or name")
    image = serializers.CharField(max_length=512)


class NewVolumeSerializer(serializers.Serializer[Any]):
    """A volume to make."""

    host = serializers.CharField(help_text="id or name")
    name = serializers.CharField(max_length=255, required=False, allow_blank=True)
    labels = serializers.DictField(child=serializers.CharField(allow_blank=True), required=False)


class NewNetworkSerializer(serializers.Serializer[Any]):
    """A network to make."""

    host = serializers.CharField(help_text="id or name")
    name = serializers.CharField(max_length=255)
    internal = serializers.BooleanField(default=False)
    subnet = serializers.CharField(required=False, allow_blank=True)
    labels = serializers.DictField(child=serializers.CharField(allow_blank=True), required=False)
