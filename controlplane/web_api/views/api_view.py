"""What every view shares: a declared action per method, asked of the one door before anything else happens."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from controlplane.accounts.access import Action, Target, authorise
from controlplane.accounts.actor import Actor
from controlplane.audit.actions import record
from controlplane.fleet.models import Host
from controlplane.fleet.selectors import get_host
from controlplane.kernel.pagination import Page
from wire.errors import Exhausted, Invalid, MooringError

__all__ = ["ApiView"]


class ApiView(APIView):
    """Base of all views. `actions` maps each method to its action; a method without one is refused."""

    actions: ClassVar[dict[str, Action]] = {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate, then ask whether this actor may do this kind of thing in its organisation at all."""
        super().initial(request, *args, **kwargs)
        length = str(request.META.get("CONTENT_LENGTH") or "0")
        if not length.isdecimal() or int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise Exhausted(f"the body is larger than {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes")
        if "\0" in request.path or "%00" in str(request.META.get("QUERY_STRING") or ""):
            raise Invalid("the address holds a NUL byte")  # PostgreSQL takes none in a text
        action = self.actions.get(str(request.method))
        if action is None:
            return
        target = Target(type="organisation", organisation_id=self.actor.organisation_id)
        try:
            authorise(self.actor, action, target)
        except MooringError as error:
            if request.method not in ("GET", "HEAD"):
                record(self.actor, action, target, request_id=self.request_id, decision="denied", detail=error.message)
            raise

    @property
    def actor(self) -> Actor:
        """The party behind the request."""
        return cast(Actor, self.request.auth)

    @property
    def request_id(self) -> str:
        """The id that stands in the answer, the audit row and the log."""
        return str(getattr(self.request._request, "request_id", ""))

    def valid(self, serializer: type[Serializer[Any]], *, partial: bool = False) -> dict[str, Any]:
        """Return the body checked by `serializer`. Raises ValidationError."""
        checked = serializer(data=self.request.data, partial=partial)
        checked.is_valid(raise_exception=True)
        return dict(checked.validated_data)

    def param(self, name: str) -> str:
        """Return a query parameter, empty when absent."""
        return self.request.query_params.get(name, "")

    def host(self, ref: str) -> Host:
        """Return the organisation's host by id or name. Raises NotFound."""
        return get_host(self.actor.organisation_id, ref)

    def paged(self, page: Page[Any], results: list[Any], **more: Any) -> Response:
        """Answer one page; `next` is the URL of the next one."""
        following = None
        if page.next is not None:
            query = self.request.query_params.copy()
            query["page"] = str(page.next)
            following = f"{self.request.path}?{query.urlencode()}"
        return Response({"results": results, "next": following, "count": page.count, **more})
