"""The ASGI application: version gate, routing, and the one place where errors become answers."""

from __future__ import annotations

import logging
import secrets
import time
from typing import Final

from agent.api.backends import Backends
from agent.api.request import Request
from agent.api.routes import HOST_PREFIX, HOST_ROUTES, ROUTES, build_router
from wire import errors, versions
from wire.httpstatus import status_of
from wire.net.asgi import Receive, Scope, Send
from wire.paths import redirect_target

__all__ = ["Api"]

_log = logging.getLogger(__name__)

_SERVER: Final = b"Mooring/0.1 (linux)"


class Api:
    """The Engine API over `backends`. Stateless; serve it on any number of listeners and tunnels."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends
        self._router = build_router(ROUTES)
        self._host_router = build_router(HOST_ROUTES)
        self._common_headers = (
            (b"api-version", str(versions.MAX_API).encode()),
            (b"docker-experimental", b"false"),
            (b"ostype", b"linux"),
            (b"server", _SERVER),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked, path = versions.split_prefix(scope["path"])
        version = versions.parse(asked) if asked else versions.MAX_API
        request = Request(
            scope, receive, send, version=version, path=path, common_headers=self._common_headers
        )  # fmt: skip
        began = time.perf_counter()
        try:
            await self._handle(request, asked)
        except errors.MooringError as error:
            await self._fail(request, error, status_of(error))
        except PermissionError as error:  # an agent without root says so, instead of failing in the dark
            _log.exception("request.forbidden method=%s path=%s", request.method, scope["path"])
            what = f"{error.filename or 'the kernel'}: {(error.strerror or 'permission denied').lower()}"
            await self._fail(
                request, errors.Internal(f"{what} (see what the agent lacks: python -m agent doctor)"), 500
            )
        except Exception:
            reference = secrets.token_hex(4)
            _log.exception("request.failed reference=%s method=%s path=%s", reference, request.method, scope["path"])
            await self._fail(
                request, errors.Internal(f"internal error (reference {reference} in the agent's log)"), 500
            )
        if _log.isEnabledFor(logging.DEBUG):
            milliseconds = (time.perf_counter() - began) * 1000
            _log.debug("request.done method=%s path=%s ms=%.2f", request.method, scope["path"], milliseconds)

    async def _handle(self, request: Request, asked: str) -> None:
        target = redirect_target(request.scope["path"], request.scope["query_string"].decode("latin-1"))
        if target is not None:
            await request.answer_redirect(target)
            return
        if request.path.startswith(HOST_PREFIX):
            found = self._host_router.find(request.method, request.path[len(HOST_PREFIX) :])
        else:
            found = self._router.find(request.method, request.path)
        if found is None and request.method == "OPTIONS":
            await request.answer_nothing(200)  # as Docker, of any path
            return
        if found is None:
            raise errors.NotFound("page not found")
        if asked:
            versions.check(asked)
        handler, request.name = found
        await handler(self._backends, request)

    async def _fail(self, request: Request, error: errors.MooringError, status: int) -> None:
        if request.started:
            # The answer has begun: all that is left is to cut it, so that nobody takes it for whole.
            _log.warning("answer.cut path=%s reason=%s", request.path, error.message)
            return
        if status == 304:
            await request.answer_nothing(304)
        else:
            await request.answer_error(error, status)
