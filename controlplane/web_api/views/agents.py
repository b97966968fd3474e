"""Where a machine turns its enrolment token into a host credential."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.accounts import throttle
from controlplane.accounts.access import Action, Target
from controlplane.accounts.actor import Actor, Principal
from controlplane.accounts.selectors import default_organisation
from controlplane.audit.actions import record, record_stranger
from controlplane.fleet.actions import enroll
from controlplane.web_api.authentication import client_address
from controlplane.web_api.views.api_view import ApiView
from wire.errors import Forbidden

__all__ = ["EnrollView"]


class _EnrollSerializer(serializers.Serializer[Any]):
    token = serializers.CharField(max_length=200)
    name = serializers.CharField(max_length=63, required=False, allow_blank=True, default="")
    facts = serializers.DictField(required=False, default=dict)


@extend_schema(exclude=True)
class EnrollView(ApiView):
    """Not for browsers: no cookie counts here, the token in the body is the proof."""

    actions = {"POST": Action.HOST_ENROLL}
    csrf_exempt_by_design = True

    def post(self, request: Request) -> Response:
        """Use the token up and answer `{host_id, name, credential}`; the credential is shown this once."""
        data = self.valid(_EnrollSerializer)
        address = client_address(request)
        throttle.check(address, "enroll")
        try:
            host, credential = enroll(secret=data["token"], name=data["name"], facts=data["facts"])
        except Forbidden as error:
            throttle.record_failure(address, "enroll")
            record_stranger(
                Action.HOST_ENROLL, Target("host", "", data["name"]), default_organisation().pk, source=address,
                request_id=self.request_id, detail=error.message,
            )  # fmt: skip
            raise
        actor = Actor(Principal.HOST, host.organisation_id, name=host.name, method="token", source=address)
        record(
            actor, Action.HOST_ENROLL, Target("host", str(host.pk), host.name, host.organisation_id, host.pk),
            request_id=self.request_id, host_name=host.name,
        )  # fmt: skip
        return Response({"host_id": str(host.pk), "name": host.name, "credential": credential}, status=201)
