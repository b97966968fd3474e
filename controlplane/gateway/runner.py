"""Carry out jobs that are one Engine API request: kind `engine.…`, request `{method, path, headers, body}`.

When the connection to the gateway or the host breaks, whether the host has done it is not known. The job's operation
key makes asking again safe, so it is asked again for a while, until the host has dialled in again.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, TypeVar

import orjson

from controlplane.fleet.choices import Link
from controlplane.fleet.models import Host
from controlplane.gateway.calls import OPERATION_HEADER, EngineAnswer, GatewayClient, start_client_thread
from controlplane.gateway.errors import GatewayGone, HostUnreachable
from controlplane.jobs.execution import EngineRefusal
from controlplane.jobs.runners import Run
from controlplane.kernel.clock import now
from wire.errors import Cancelled, Internal, Unavailable
from wire.httpstatus import error_for_status
from wire.net.mux import SessionClosed, StreamReset

__all__ = ["ask_host", "engine_result", "run_cancellably", "run_engine_request"]

RETRY_FOR_S = 90.0  # on a busy machine half a minute passes until a process of the plane that died is back
UNREACHABLE_FOR_S = 8.0  # nothing was ever sent: the host may only be between two dials
RETRY_EVERY_S = 0.5
LATELY = timedelta(seconds=20)
CANCEL_POLL_S = 1.0
BODY_LIMIT_BYTES = 4 * 1024 * 1024
T = TypeVar("T")


def run_engine_request(run: Run) -> dict[str, Any]:
    """Runner of kind `engine`. Raises EngineRefusal with the engine's own answer for every error status."""
    request = run.request
    answer = ask_host(
        run,
        str(request["method"]),
        str(request["path"]),
        headers=[(str(name), str(value)) for name, value in request.get("headers", [])],
        body=request.get("body"),
    )
    return engine_result(answer)


def ask_host(
    run: Run, method: str, path: str, *, headers: list[tuple[str, str]] | None = None, body: Any = None, step: str = ""
) -> EngineAnswer:
    """Ask the job's host under the operation key of `step`, again while the way there is broken.

    Raises Unavailable when it stays broken, Cancelled, EngineRefusal.
    """
    sent = [*(headers or []), (OPERATION_HEADER, run.operation_key(step))]
    content = body.encode() if isinstance(body, str) else b""
    # A body has to be announced: an agent does not look for an optional one, as that of an update is, otherwise.
    announced = {"content-type": "application/json", "content-length": str(len(content))} if content else {}
    given = {name.lower() for name, _ in sent}
    sent += [(name, value) for name, value in announced.items() if name not in given]

    def attempt(client: GatewayClient) -> Coroutine[Any, Any, EngineAnswer]:
        if run.host_id is None:
            raise Internal("the job names no host")
        return client.request(
            run.host_id, method, path, headers=sent, body=content, timeout_s=None, limit_bytes=BODY_LIMIT_BYTES
        )

    answer = run_cancellably(run, attempt)
    if answer.status >= 400:
        raise EngineRefusal(error_for_status(answer.status, _message(answer)), engine_result(answer))
    return answer


def run_cancellably(run: Run, attempt: Callable[[GatewayClient], Coroutine[Any, Any, T]]) -> T:
    """Run one attempt after the other on the client's loop until one gets through; look for cancellation meanwhile."""
    client = start_client_thread()
    failing_since: float | None = None
    asked = False  # then the host may have done it, and nobody knows before it has dialled in again
    while True:
        if client.loop is None:
            raise GatewayGone("this process has no connection to the gateway")
        future = asyncio.run_coroutine_threadsafe(attempt(client), client.loop)
        try:
            return _wait(run, future)
        except (HostUnreachable, GatewayGone, StreamReset, SessionClosed) as error:
            moment = time.monotonic()
            failing_since = moment if failing_since is None else failing_since
            asked = asked or isinstance(error, StreamReset | SessionClosed)
            if isinstance(error, HostUnreachable) and not asked:
                if moment - failing_since > UNREACHABLE_FOR_S or not _was_linked_lately(run):
                    raise HostUnreachable(_away(run) or error.message) from error
            elif moment - failing_since > RETRY_FOR_S:
                raise Unavailable(f"the connection to the host was lost: {error.message}") from error
        if run.is_cancelled():
            raise Cancelled("cancelled")
        time.sleep(RETRY_EVERY_S)


def _host(run: Run) -> Host | None:
    return Host.objects.filter(pk=run.host_id).first() if run.host_id is not None else None


def _was_linked_lately(run: Run) -> bool:
    """Return whether the host may only be between two dials: then waiting a moment is better than failing."""
    host = _host(run)
    return host is not None and (host.link == Link.UP or now() - host.link_since < LATELY)


def _away(run: Run) -> str:
    host = _host(run)
    return f"host {host.name} is not connected" if host is not None else ""


def _wait(run: Run, future: concurrent.futures.Future[T]) -> T:
    while True:
        try:
            return future.result(timeout=CANCEL_POLL_S)
        except concurrent.futures.TimeoutError:
            if future.done():
                raise
            if run.is_cancelled():
                future.cancel()
                raise Cancelled("cancelled; what had begun on the host may have been done") from None


def engine_result(answer: EngineAnswer) -> dict[str, Any]:
    """Return the stored form of an answer: `status`, `headers`, `body` to pass on, `value` to show."""
    text = answer.body.decode("utf-8", "replace")
    try:
        value = orjson.loads(answer.body) if answer.body else None
    except orjson.JSONDecodeError:
        value = None
    return {"status": answer.status, "headers": [list(pair) for pair in answer.headers], "body": text, "value": value}


def _message(answer: EngineAnswer) -> str:
    value = engine_result(answer)["value"]
    if isinstance(value, dict) and value.get("message"):
        return str(value["message"])
    return f"the host answered {answer.status}"
