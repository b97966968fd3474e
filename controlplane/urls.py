"""All HTTP routes of the Django side. Unknown API paths are JSON 404s; everything else is the dashboard's one page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path, re_path

from controlplane.frontdoor.dashboard import index
from controlplane.web_api.urls import agent_urlpatterns
from controlplane.web_api.urls import urlpatterns as api_urlpatterns

__all__ = ["urlpatterns"]


def not_found(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
    """Answer an unknown API path."""
    message = f"No such page: {request.path}"
    error = {
        "code": "not_found", "what": "It is not there", "why": message, "next": "Check the address",
        "message": message, "request_id": getattr(request, "request_id", ""),
    }  # fmt: skip
    return JsonResponse({"error": error}, status=404)


urlpatterns = [
    path("api/v1/", include(api_urlpatterns)),
    path("agent/v1/", include(agent_urlpatterns)),
    re_path(r"^(?:api|agent|ws|host|env|static)(?:/.*)?$", not_found),
    re_path(r"^.*$", index),
]
handler404 = not_found
