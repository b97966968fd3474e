"""Hosts and enrolments."""

from __future__ import annotations

import uuid

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.accounts.access import Action, Target
from controlplane.audit.actions import authorise_and_record
from controlplane.fleet.actions import change_host, create_enrolment, remove_host
from controlplane.fleet.selectors import get_enrolment, list_hosts
from controlplane.kernel.clock import rfc3339
from controlplane.kernel.pagination import page_of
from controlplane.orchestrator.actions import host_target
from controlplane.web_api.serializers.hosts import (
    EnrolmentRequestSerializer,
    EnrolmentSerializer,
    EnrolmentStateSerializer,
    HostChangeSerializer,
    HostSerializer,
)
from controlplane.web_api.serializers.paging import PAGE_PARAMETERS, paged, text_parameters
from controlplane.web_api.shapes.hosts import HostRefs, enrolment_dict, host_dicts
from controlplane.web_api.views.api_view import ApiView
from controlplane.web_api.views.installing import join_command, public_url

__all__ = ["EnrolmentListView", "EnrolmentView", "HostListView", "HostView"]


class HostListView(ApiView):
    """All hosts."""

    actions = {"GET": Action.HOST_READ}

    @extend_schema(
        operation_id="hosts_list",
        parameters=[*text_parameters("q"), *PAGE_PARAMETERS],
        responses=paged("HostPage", HostSerializer),
    )
    def get(self, request: Request) -> Response:
        """List hosts by name."""
        query = list_hosts(self.actor.organisation_id)
        if q := self.param("q"):
            query = query.filter(name__icontains=q)
        page = page_of(query, self.param("page"), self.param("page_size"))
        return self.paged(page, host_dicts(page.rows, HostRefs()))


class HostView(ApiView):
    """One host, by id or name."""

    actions = {
        "GET": Action.HOST_READ,
        "PATCH": Action.HOST_MANAGE,
        "DELETE": Action.HOST_MANAGE,
    }

    @extend_schema(operation_id="hosts_get", responses=HostSerializer)
    def get(self, request: Request, ref: str) -> Response:
        """Return one host."""
        return Response(host_dicts([self.host(ref)], HostRefs())[0])

    @extend_schema(operation_id="hosts_change", request=HostChangeSerializer, responses=HostSerializer)
    def patch(self, request: Request, ref: str) -> Response:
        """Change name, labels or whether new containers go there."""
        host, data = self.host(ref), self.valid(HostChangeSerializer)
        authorise_and_record(
            self.actor, Action.HOST_MANAGE, host_target(host), request_id=self.request_id, host_name=host.name,
            detail=f"change {', '.join(sorted(data))}",
        )  # fmt: skip
        return Response(host_dicts([change_host(host, **data)], HostRefs())[0])

    @extend_schema(operation_id="hosts_remove", request=None, responses={204: None})
    def delete(self, request: Request, ref: str) -> Response:
        """Take the host out of the fleet. Its containers run on; its credential dies at once."""
        host = self.host(ref)
        authorise_and_record(
            self.actor, Action.HOST_MANAGE, host_target(host), request_id=self.request_id, host_name=host.name,
            detail="remove",
        )  # fmt: skip
        remove_host(host)
        return Response(status=204)


class EnrolmentListView(ApiView):
    """Permissions to join."""

    actions = {"POST": Action.HOST_MANAGE}

    @extend_schema(
        operation_id="enrolments_create", request=EnrolmentRequestSerializer, responses={201: EnrolmentSerializer}
    )
    def post(self, request: Request) -> Response:
        """Permit one machine to join; the token and the line to run are shown this once."""
        data = self.valid(EnrolmentRequestSerializer)
        organisation_id = self.actor.organisation_id
        authorise_and_record(
            self.actor, Action.HOST_MANAGE, Target("enrolment", "", data.get("name", ""), organisation_id),
            request_id=self.request_id, detail="permit a host to join",
        )  # fmt: skip
        enrolment, secret = create_enrolment(
            organisation_id=organisation_id,
            name=data.get("name", ""),
            ttl_s=data.get("ttl_s"),
            labels=data.get("labels"),
            created_by=self.actor.name,
        )
        answer = {
            "id": str(enrolment.pk),
            "token": secret,
            "command": join_command(public_url(request), secret, enrolment.name),
            "expires_at": rfc3339(enrolment.expires_at),
        }
        return Response(answer, status=201)


class EnrolmentView(ApiView):
    """How far a machine has come in joining."""

    actions = {"GET": Action.HOST_MANAGE}

    @extend_schema(operation_id="enrolments_get", responses=EnrolmentStateSerializer)
    def get(self, request: Request, enrolment_id: uuid.UUID) -> Response:
        """Return the steps so far."""
        return Response(enrolment_dict(get_enrolment(self.actor.organisation_id, enrolment_id), HostRefs()))
