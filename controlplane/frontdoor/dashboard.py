"""The dashboard's one page: the built `index.html` with a fresh nonce, the CSRF cookie and a strict policy."""

from __future__ import annotations

import secrets
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.views.decorators.csrf import ensure_csrf_cookie

from controlplane.kernel.requests import content_security_policy

__all__ = ["index"]

NONCE_PLACEHOLDER = "__CSP_NONCE__"
_MISSING = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Mooring</title></head><body>
<h1>The dashboard is not built</h1><p>Run <code>scripts/up</code>, or <code>npm ci &amp;&amp; npm run build</code> in
<code>frontend/</code>. The APIs work without it.</p></body></html>"""


@lru_cache(maxsize=1)
def _page(modified_ns: int) -> str:
    return (settings.FRONTEND_DIST / "index.html").read_text()


@ensure_csrf_cookie
def index(request: HttpRequest) -> HttpResponse:
    """Answer every path that is no file and no API; the router in the page does the rest."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    nonce = secrets.token_urlsafe(16)
    try:
        html, status = _page((settings.FRONTEND_DIST / "index.html").stat().st_mtime_ns), 200
    except FileNotFoundError:
        html, status = _MISSING, 503
    if NONCE_PLACEHOLDER in html:
        html = html.replace(NONCE_PLACEHOLDER, nonce)
    else:
        html = html.replace("<head>", f'<head><meta name="csp-nonce" content="{nonce}">', 1)
    return HttpResponse(
        html,
        status=status,
        headers={"Content-Security-Policy": content_security_policy(nonce), "Cache-Control": "no-store"},
    )
