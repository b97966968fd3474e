"""What every HTTP answer of the dashboard's side carries: a request id, a strict policy, JSON errors."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse, JsonResponse

__all__ = ["RequestIdMiddleware", "add_static_headers", "content_security_policy", "csrf_failure", "new_request_id"]


def new_request_id() -> str:
    """Return a short random id; the same id stands in the answer, the audit row and the log."""
    return secrets.token_hex(8)


def content_security_policy(nonce: str | None = None) -> str:
    """Return the policy of every page: only our own files; styles inserted by scripts need the page's nonce."""
    style = f"'self' 'nonce-{nonce}'" if nonce else "'self'"
    return (
        f"default-src 'self'; script-src 'self'; style-src {style}; img-src 'self' data:; connect-src 'self'; "
        "worker-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


def add_static_headers(headers: dict[str, str], path: str, url: str) -> None:
    """WhiteNoise hook: a worker takes its policy from its own file's answer, so files carry it as well."""
    headers["Content-Security-Policy"] = content_security_policy()
    headers["Cross-Origin-Resource-Policy"] = "same-origin"


class RequestIdMiddleware:
    """Give each request `request.request_id` and each answer `X-Request-Id` and a policy. Sync and async."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        request.request_id = new_request_id()  # type: ignore[attr-defined]
        response = self.get_response(request)
        if isinstance(response, HttpResponse) or not isinstance(response, Awaitable):
            return self._finish(request, response)
        return self._finish_later(request, response)

    async def _finish_later(self, request: HttpRequest, response: Awaitable[HttpResponse]) -> HttpResponse:
        return self._finish(request, await response)

    def _finish(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response.headers.setdefault("X-Request-Id", request.request_id)  # type: ignore[attr-defined]
        response.headers.setdefault("Content-Security-Policy", content_security_policy())
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a missing or wrong CSRF token outside DRF, in the API's error shape."""
    return JsonResponse(
        {
            "error": {
                "code": "csrf_failed", "what": "The request was refused", "why": reason or "The CSRF token is wrong",
                "next": "Reload the page and try again", "message": reason,
                "request_id": getattr(request, "request_id", ""),
            }
        },
        status=403,
    )  # fmt: skip
