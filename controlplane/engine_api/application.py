"""The Engine API's ASGI application at the plane: base path, version gate, route, rights, then one of the ways."""

from __future__ import annotations

import asyncio
import logging
import secrets
import urllib.parse
import uuid
from collections.abc import Coroutine
from typing import Any

from django.db import OperationalError

from controlplane.accounts.access import Action, Target, authorise
from controlplane.accounts.actor import Actor
from controlplane.audit.actions import authorise_and_record, record, record_outcome
from controlplane.engine_api.changes import checked_body, request_target, run_as_job, run_streamed
from controlplane.engine_api.environment import Environment, resolve_environment, split_base_path
from controlplane.engine_api.passing import pass_through, pass_upgrade, pass_websocket
from controlplane.engine_api.request import Request
from controlplane.engine_api.router import Match, router
from controlplane.engine_api.routes import How, Route
from controlplane.gateway.errors import HostUnreachable
from controlplane.kernel.database import in_thread
from controlplane.kernel.requests import new_request_id
from controlplane.orchestrator.confinement import check_way_into
from wire import versions
from wire.errors import Forbidden, Internal, Invalid, MooringError, NotFound, Unavailable
from wire.net.asgi import Receive, Scope, Send
from wire.paths import redirect_target

__all__ = ["EngineApi"]

logger = logging.getLogger(__name__)

_PING_HEADERS = (
    (b"builder-version", b"1"),
    (b"cache-control", b"no-cache, no-store, must-revalidate"),
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"pragma", b"no-cache"),
    (b"swarm", b"inactive"),
)
_WAYS_IN = (Action.CONTAINER_EXEC, Action.CONTAINER_FILES)
_UNRESOLVED = Environment(uuid.UUID(int=0), "", uuid.UUID(int=0))
_NOWHERE = Match(Route(how=How.LOCAL, action=Action.ENGINE_READ), "", "")


class EngineApi:
    """Called with the actor that the frontdoor has found out. Keeps no state of its own."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send, actor: Actor) -> None:
        request = Request(scope, receive, send, actor, _NOWHERE, _UNRESOLVED, "", "", new_request_id())
        try:
            await self._handle(request)
        except HostUnreachable:
            await request.answer_error(Unavailable(f"host {request.environment.host_name} is not connected"))
        except MooringError as error:
            if request.started:
                logger.info("answer.cut path=%s reason=%s", scope["path"], error.message)
            else:
                await request.answer_error(error)
        except OperationalError as error:
            logger.warning("engine_api.database_away path=%s error=%s", scope["path"], error)
            full = "disk is full" in str(error)  # reads go on; changes would leave no record
            why = "disk is full" if full else "database is busy or cannot be reached"
            await request.answer_error(Unavailable(f"the control plane's {why}"))
        except Exception:
            reference = secrets.token_hex(4)
            logger.exception("engine_api.failed reference=%s path=%s", reference, scope["path"])
            await request.answer_error(Internal(f"internal error (reference {reference})"))

    async def _handle(self, request: Request) -> None:
        scope, actor = request.scope, request.actor
        raw_path = scope["raw_path"].decode("latin-1").partition("?")[0]
        where, name, raw_rest = split_base_path(raw_path)
        query = scope["query_string"].decode("latin-1")
        plain = urllib.parse.unquote(raw_rest)
        target = redirect_target(plain, query)
        if target is not None:
            await request.answer_redirect(raw_path.removesuffix(raw_rest) + target)
            return
        version, path = versions.split_prefix(plain)
        query = scope["query_string"].decode("latin-1")
        method = "GET" if scope["type"] == "websocket" and not scope.get("extensions", {}).get("hijack") else None
        if "\0" in path or "%00" in query:
            raise Invalid("invalid request: NUL byte in its address")  # PostgreSQL takes none in a text
        match = router.find(method or request.method, path)
        if match is None:
            raise NotFound("page not found")
        if version:
            versions.check(version)
        request.match, request.path = match, path
        request.raw_path = raw_rest + (f"?{query}" if query else "")
        await self._permit(request)
        if match.route.how is How.LOCAL:
            await request.answer(200, b"" if request.method == "HEAD" else b"OK", _PING_HEADERS)
            return
        request.environment = await resolve_environment(actor, where, urllib.parse.unquote(name))
        authorise(actor, match.route.action, request_target(request))
        await self._carry_out(request)

    @staticmethod
    async def _permit(request: Request) -> None:
        """Ask whether this actor may do this kind of thing at all; a refusal to change something is recorded."""
        actor, route = request.actor, request.match.route
        try:
            authorise(actor, route.action, Target("organisation", organisation_id=actor.organisation_id))
        except MooringError as error:
            if route.how not in (How.LOCAL, How.READ, How.WATCH):
                target = Target(route.target or "host", request.match.name, request.match.name, actor.organisation_id)
                await in_thread(
                    record, actor, route.action, target, request_id=request.request_id, decision="denied",
                    detail=error.message,
                )  # fmt: skip
            raise

    async def _carry_out(self, request: Request) -> None:
        route = request.match.route
        if route.query_guard is not None and (reasons := route.query_guard(request.query)):
            await self._record(request, Action.CONTAINER_UNCONFINED, f"asks for {', '.join(reasons)}")
        if _is_way_in(route):
            request.settle_name(
                await check_way_into(
                    request.actor, request.match.name, request_target(request), request_id=request.request_id,
                    host_name=request.environment.host_name, what="exec" if route.target == "exec" else "containers",
                )
            )  # fmt: skip
        if route.how in (How.READ, How.CONTROL):
            await pass_through(request)
        elif route.how is How.WATCH:
            await pass_through(request, held=True)
        elif route.how is How.DIRECT:
            body = (await checked_body(request))[0] if route.shape is not None else None
            entry = await self._record(request, route.action, request.match.pattern)
            await self._with_outcome(entry, pass_through(request, body=body, held=True))
        elif route.how is How.HIJACK:
            if not request.is_upgrade:
                raise Invalid("this request takes its connection over and cannot be sent behind another one")
            entry = await self._record(request, route.action, request.match.pattern)
            if request.match.pattern.endswith("/attach/ws"):
                work = pass_websocket(request, urllib.parse.quote(request.match.name, safe=""))
            else:
                work = pass_upgrade(request)
            await self._with_outcome(entry, work)
        elif route.how is How.JOB:
            await run_as_job(request)
        elif route.how is How.STREAMED:
            await run_streamed(request)
        else:
            raise Forbidden("permission denied")

    @staticmethod
    async def _record(request: Request, action: Action, detail: str) -> int:
        entry = await in_thread(
            authorise_and_record, request.actor, action, request_target(request), request_id=request.request_id,
            host_name=request.environment.host_name, detail=detail,
        )  # fmt: skip
        return entry.pk

    @staticmethod
    async def _with_outcome(entry_id: int, work: Coroutine[Any, Any, int]) -> None:
        result, detail = "interrupted", ""
        try:
            status = await work
            result = "succeeded" if status < 400 else "failed"
            detail = f"status {status}"
        except MooringError as error:
            result, detail = "failed", error.message
            raise
        finally:
            await asyncio.shield(in_thread(record_outcome, entry_id, result, detail))


def _is_way_in(route: Route) -> bool:
    """Whether a request reaches into a container: not when it only sizes a terminal or asks how an exec ended."""
    if route.target == "exec":
        return route.how is How.HIJACK
    return route.action in _WAYS_IN and route.how is not How.CONTROL
