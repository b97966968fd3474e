"""Images, volumes, networks and events over all hosts."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.accounts.access import Action
from controlplane.kernel.pagination import page_of
from controlplane.orchestrator.actions import host_target, pull_image, submit_engine_request
from controlplane.orchestrator.engine_requests import EngineRequest
from controlplane.web_api.serializers.jobs import JobSerializer
from controlplane.web_api.serializers.objects import (
    EventSerializer,
    ImageSerializer,
    NetworkSerializer,
    NewNetworkSerializer,
    NewVolumeSerializer,
    PullSerializer,
    VolumeSerializer,
)
from controlplane.web_api.serializers.paging import PAGE_PARAMETERS, paged, text_parameters
from controlplane.web_api.shapes.containers import event_dict, image_dicts, network_dicts, volume_dicts
from controlplane.web_api.shapes.hosts import HostRefs
from controlplane.web_api.shapes.jobs import job_dict
from controlplane.web_api.views.api_view import ApiView
from controlplane.workloads.selectors import list_events, list_images, list_networks, list_volumes

__all__ = [
    "EventListView", "ImageListView", "ImagePullView", "ImageView", "NetworkListView", "NetworkView",
    "VolumeListView", "VolumeView",
]  # fmt: skip

LIST_PARAMETERS = [*text_parameters("q", host="id or name; several with commas"), *PAGE_PARAMETERS]


class _ObjectView(ApiView):
    """Submits one engine request about an object of a host."""

    def submit(
        self, host_ref: str, action: Action, kind: str, type_: str, ref: str, request: EngineRequest
    ) -> Response:
        """Answer 202 with the job."""
        host = self.host(host_ref)
        job = submit_engine_request(
            self.actor, action, host_target(host, type_, ref, ref), host, request, kind=kind, request_id=self.request_id
        )
        return Response(job_dict(job, HostRefs()), status=202)


class ImageListView(ApiView):
    """All images of all hosts."""

    actions = {"GET": Action.IMAGE_READ}

    @extend_schema(
        operation_id="images_list", parameters=LIST_PARAMETERS, responses=paged("ImagePage", ImageSerializer)
    )
    def get(self, request: Request) -> Response:
        """List images by tag."""
        query = list_images(self.actor.organisation_id, q=self.param("q"), host=self.param("host"))
        page = page_of(query, self.param("page"), self.param("page_size"))
        return self.paged(page, image_dicts(page.rows, HostRefs()))


class ImagePullView(ApiView):
    """Pulling."""

    actions = {"POST": Action.IMAGE_CHANGE}

    @extend_schema(operation_id="images_pull", request=PullSerializer, responses={202: JobSerializer})
    def post(self, request: Request) -> Response:
        """Pull an image to a host; the progress is the job's output."""
        data = self.valid(PullSerializer)
        job = pull_image(self.actor, self.host(data["host"]), data["image"], request_id=self.request_id)
        return Response(job_dict(job, HostRefs()), status=202)


class ImageView(_ObjectView):
    """One image of one host."""

    actions = {"DELETE": Action.IMAGE_CHANGE}

    @extend_schema(
        operation_id="images_remove", request=None, parameters=text_parameters("force"), responses={202: JobSerializer}
    )
    def delete(self, request: Request, host_ref: str, image_ref: str) -> Response:
        """Untag or remove an image."""
        query = f"?{urlencode({'force': self.param('force')})}" if self.param("force") else ""
        asked = EngineRequest("DELETE", f"/images/{quote(image_ref, safe='/:@')}{query}", title=f"Remove {image_ref}")
        return self.submit(host_ref, Action.IMAGE_CHANGE, "image.remove", "image", image_ref, asked)


class VolumeListView(_ObjectView):
    """All volumes of all hosts."""

    actions = {"GET": Action.VOLUME_READ, "POST": Action.VOLUME_CHANGE}

    @extend_schema(
        operation_id="volumes_list", parameters=LIST_PARAMETERS, responses=paged("VolumePage", VolumeSerializer)
    )
    def get(self, request: Request) -> Response:
        """List volumes by name."""
        query = list_volumes(self.actor.organisation_id, q=self.param("q"), host=self.param("host"))
        page = page_of(query, self.param("page"), self.param("page_size"))
        return self.paged(page, volume_dicts(page.rows, HostRefs()))

    @extend_schema(operation_id="volumes_create", request=NewVolumeSerializer, responses={202: JobSerializer})
    def post(self, request: Request) -> Response:
        """Make a volume with the local driver."""
        data = self.valid(NewVolumeSerializer)
        name = data.get("name") or ""
        asked = EngineRequest(
            "POST", "/volumes/create", {"Name": name, "Labels": data.get("labels") or {}},
            title=f"Create volume {name}".rstrip(),
        )  # fmt: skip
        return self.submit(data["host"], Action.VOLUME_CHANGE, "volume.create", "volume", name, asked)


class VolumeView(_ObjectView):
    """One volume of one host."""

    actions = {"DELETE": Action.VOLUME_CHANGE}

    @extend_schema(
        operation_id="volumes_remove", request=None, parameters=text_parameters("force"), responses={202: JobSerializer}
    )
    def delete(self, request: Request, host_ref: str, name: str) -> Response:
        """Remove a volume and its data."""
        query = f"?{urlencode({'force': self.param('force')})}" if self.param("force") else ""
        asked = EngineRequest("DELETE", f"/volumes/{quote(name, safe='')}{query}", title=f"Remove volume {name}")
        return self.submit(host_ref, Action.VOLUME_CHANGE, "volume.remove", "volume", name, asked)


class NetworkListView(_ObjectView):
    """All networks of all hosts."""

    actions = {"GET": Action.NETWORK_READ, "POST": Action.NETWORK_CHANGE}

    @extend_schema(
        operation_id="networks_list", parameters=LIST_PARAMETERS, responses=paged("NetworkPage", NetworkSerializer)
    )
    def get(self, request: Request) -> Response:
        """List networks by name."""
        query = list_networks(self.actor.organisation_id, q=self.param("q"), host=self.param("host"))
        page = page_of(query, self.param("page"), self.param("page_size"))
        return self.paged(page, network_dicts(page.rows, HostRefs()))

    @extend_schema(operation_id="networks_create", request=NewNetworkSerializer, responses={202: JobSerializer})
    def post(self, request: Request) -> Response:
        """Make a bridge network."""
        data = self.valid(NewNetworkSerializer)
        body: dict[str, Any] = {
            "Name": data["name"], "Driver": "bridge", "CheckDuplicate": True, "Internal": data["internal"],
            "Labels": data.get("labels") or {},
        }  # fmt: skip
        if data.get("subnet"):
            body["IPAM"] = {"Config": [{"Subnet": data["subnet"]}]}
        asked = EngineRequest("POST", "/networks/create", body, title=f"Create network {data['name']}")
        return self.submit(data["host"], Action.NETWORK_CHANGE, "network.create", "network", data["name"], asked)


class NetworkView(_ObjectView):
    """One network of one host."""

    actions = {"DELETE": Action.NETWORK_CHANGE}

    @extend_schema(operation_id="networks_remove", request=None, responses={202: JobSerializer})
    def delete(self, request: Request, host_ref: str, network_ref: str) -> Response:
        """Remove a network nothing uses."""
        asked = EngineRequest(
            "DELETE", f"/networks/{quote(network_ref, safe='')}", title=f"Remove network {network_ref}"
        )
        return self.submit(host_ref, Action.NETWORK_CHANGE, "network.remove", "network", network_ref, asked)


class EventListView(ApiView):
    """Recent Docker events."""

    actions = {"GET": Action.CONTAINER_READ}

    @extend_schema(
        operation_id="events_list",
        parameters=[*text_parameters("host", "type", "action", id="object id"), *PAGE_PARAMETERS],
        responses=paged("EventPage", EventSerializer),
    )
    def get(self, request: Request) -> Response:
        """List recent events, newest first."""
        equals = {"type": self.param("type"), "action": self.param("action"), "object_id": self.param("id")}
        query = list_events(
            self.actor.organisation_id,
            host=self.param("host"),
            **{key: value for key, value in equals.items() if value},
        )
        page, refs = page_of(query, self.param("page"), self.param("page_size")), HostRefs()
        return self.paged(page, [event_dict(row, refs) for row in page.rows])
