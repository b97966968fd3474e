"""Containers over all hosts: list from the mirror, act by jobs, look closer through the gateway."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import orjson
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.accounts.access import Action
from controlplane.audit.actions import authorise_and_record
from controlplane.fleet.models import Host
from controlplane.gateway.calls import client
from controlplane.kernel.pagination import page_of
from controlplane.orchestrator.actions import act_on_container, host_target, run_container
from controlplane.orchestrator.confinement import check_way_into
from controlplane.orchestrator.placement import choose_host
from controlplane.web_api.serializers.containers import (
    ContainerActionSerializer,
    ContainerDetailSerializer,
    ContainerFacetsSerializer,
    ContainerSerializer,
    NewContainerSerializer,
    TerminalRequestSerializer,
    TerminalSerializer,
    TopSerializer,
)
from controlplane.web_api.serializers.jobs import JobSerializer
from controlplane.web_api.serializers.paging import PAGE_PARAMETERS, paged, text_parameters
from controlplane.web_api.shapes.containers import container_dicts
from controlplane.web_api.shapes.hosts import HostRefs
from controlplane.web_api.shapes.jobs import job_dict
from controlplane.web_api.views.api_view import ApiView
from controlplane.workloads.selectors import SORTS, facet, get_container, list_containers
from controlplane.workloads.terminals import issue_ticket
from wire.errors import Unavailable
from wire.httpstatus import error_for_status

__all__ = [
    "ContainerActionView", "ContainerListView", "ContainerStatsView", "ContainerTopView", "ContainerView",
    "TerminalListView",
]  # fmt: skip


def ask_engine(host: Host, method: str, path: str, **options: Any) -> Any:
    """Return the decoded answer of the host's engine. Raises the kind its status means, with its message."""
    answer = client().ask(host.pk, method, path, timeout_s=20.0, **options)
    try:
        decoded = orjson.loads(answer.body) if answer.body else None
    except orjson.JSONDecodeError:
        decoded = None
    if answer.status >= 400:
        message = decoded.get("message") if isinstance(decoded, dict) else None
        raise error_for_status(answer.status, str(message or f"the host answered {answer.status}"))
    return decoded


class ContainerListView(ApiView):
    """All containers of all hosts."""

    actions = {"GET": Action.CONTAINER_READ, "POST": Action.CONTAINER_CHANGE}

    @extend_schema(
        operation_id="containers_list",
        parameters=[
            *text_parameters(
                "q",
                host="id or name; several with commas",
                state="several with commas",
                health="several with commas",
                label="key or key=value; several with commas, all must hold",
            ),
            OpenApiParameter("sort", str, required=False, enum=list(SORTS)),
            *PAGE_PARAMETERS,
        ],
        responses=paged("ContainerPage", ContainerSerializer, facets=ContainerFacetsSerializer()),
    )
    def get(self, request: Request) -> Response:
        """List containers from the mirror; facets count all rows that match `q`, `label` and the other facet."""
        organisation_id = self.actor.organisation_id
        filters = {name: self.param(name) for name in ("q", "host", "state", "health", "label")}
        query = list_containers(organisation_id, sort=self.param("sort"), **filters)
        page = page_of(query, self.param("page"), self.param("page_size"))
        by_state = facet(list_containers(organisation_id, **{**filters, "state": ""}), "state")
        by_host = facet(list_containers(organisation_id, **{**filters, "host": ""}), "host_id")
        return self.paged(
            page,
            container_dicts(page.rows, HostRefs(), organisation_id),
            facets={"state": by_state, "host": by_host},
        )

    @extend_schema(operation_id="containers_run", request=NewContainerSerializer, responses={202: JobSerializer})
    def post(self, request: Request) -> Response:
        """Pull (as asked), create and start a container as one job."""
        spec = self.valid(NewContainerSerializer)
        host = self.host(spec["host"]) if spec.get("host") else choose_host(self.actor.organisation_id)
        job = run_container(self.actor, host, spec, request_id=self.request_id)
        return Response(job_dict(job, HostRefs()), status=202)


class ContainerView(ApiView):
    """One container of one host."""

    actions = {"GET": Action.CONTAINER_READ}

    @extend_schema(operation_id="containers_get", responses=ContainerDetailSerializer)
    def get(self, request: Request, host_ref: str, container_ref: str) -> Response:
        """Return the mirror's row and, while the host can be asked, the engine's own inspect answer."""
        host = self.host(host_ref)
        row = get_container(host.pk, container_ref)
        shape = container_dicts([row], HostRefs(), self.actor.organisation_id)[0]
        try:
            inspect = ask_engine(host, "GET", f"/containers/{quote(row.container_id)}/json")
        except Unavailable:
            inspect = None
        return Response({**shape, "inspect": inspect})


class ContainerActionView(ApiView):
    """What can be done to a container."""

    actions = {"POST": Action.CONTAINER_CHANGE}

    @extend_schema(operation_id="containers_act", request=ContainerActionSerializer, responses={202: JobSerializer})
    def post(self, request: Request, host_ref: str, container_ref: str) -> Response:
        """Submit the action as a job."""
        data = self.valid(ContainerActionSerializer)
        host = self.host(host_ref)
        row = get_container(host.pk, container_ref)
        job = act_on_container(self.actor, host, row, data.pop("action"), data, request_id=self.request_id)
        return Response(job_dict(job, HostRefs()), status=202)


class ContainerStatsView(ApiView):
    """One reading of a container's use."""

    actions = {"GET": Action.CONTAINER_READ}

    @extend_schema(operation_id="containers_stats", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, host_ref: str, container_ref: str) -> Response:
        """Return the engine's one-shot stats."""
        host = self.host(host_ref)
        path = f"/containers/{quote(container_ref, safe='')}/stats?stream=0&one-shot=1"
        return Response(ask_engine(host, "GET", path))


class ContainerTopView(ApiView):
    """Processes of a container."""

    actions = {"GET": Action.CONTAINER_READ}

    @extend_schema(
        operation_id="containers_top", parameters=text_parameters(ps_args="as docker top"), responses=TopSerializer
    )
    def get(self, request: Request, host_ref: str, container_ref: str) -> Response:
        """Return what runs inside."""
        host = self.host(host_ref)
        query = f"?{urlencode({'ps_args': self.param('ps_args')})}" if self.param("ps_args") else ""
        told = ask_engine(host, "GET", f"/containers/{quote(container_ref, safe='')}/top{query}")
        return Response({"titles": told.get("Titles") or [], "processes": told.get("Processes") or []})


class TerminalListView(ApiView):
    """Terminals in a container."""

    actions = {"POST": Action.CONTAINER_EXEC}

    @extend_schema(
        operation_id="terminals_open", request=TerminalRequestSerializer, responses={201: TerminalSerializer}
    )
    def post(self, request: Request, host_ref: str, container_ref: str) -> Response:
        """Issue a ticket for `/ws/terminal`: 30 s, one use. Rights and audit happen here."""
        data = self.valid(TerminalRequestSerializer)
        host = self.host(host_ref)
        row = get_container(host.pk, container_ref)
        target = host_target(host, "container", row.container_id, row.name)
        client().run(
            check_way_into(self.actor, row.container_id, target, request_id=self.request_id, host_name=host.name)
        )
        what = "attach" if data["attach"] else f"exec {data.get('shell') or 'shell'}"
        authorise_and_record(
            self.actor, Action.CONTAINER_EXEC, target, request_id=self.request_id, host_name=host.name,
            detail=f"terminal: {what}",
        )  # fmt: skip
        ticket, session = issue_ticket(self.actor, host.pk, row.container_id, data)
        return Response({"ticket": ticket, "session": session}, status=201)
