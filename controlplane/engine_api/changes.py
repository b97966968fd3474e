"""Requests that change something: jobs carried out by a worker, and jobs streamed by this process."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
import uuid
from typing import Any

import msgspec

from controlplane.accounts.access import Target
from controlplane.engine_api.passing import pass_through, until_disconnect
from controlplane.engine_api.request import Request
from controlplane.jobs.actions import fail, submit, succeed
from controlplane.jobs.choices import JobState
from controlplane.jobs.execution import leases, worker_name
from controlplane.jobs.models import Job
from controlplane.jobs.waiting import waiter
from controlplane.kernel.database import in_thread
from controlplane.orchestrator.confinement import check_body
from controlplane.workloads.selectors import find_container_name
from wire.engine.shape import decode, encode
from wire.errors import Cancelled, Internal, MooringError
from wire.httpstatus import error_for_status

__all__ = ["checked_body", "request_target", "run_as_job", "run_streamed"]

_KEPT_HEADERS = {"content-type", "user-agent"}  # none that holds a secret: these are stored


def request_target(request: Request, name: str = "") -> Target:
    """Return what the request is about, on which host."""
    route = request.match.route
    shown = name or request.match.name or _first(request, "name", "fromImage", "repo", "t", "container")
    return Target(
        route.target or "host", request.match.name or shown, shown, request.environment.organisation_id,
        request.environment.host_id,
    )  # fmt: skip


async def checked_body(request: Request) -> tuple[bytes, str]:
    """Read the body once, decode it once, check that very value against the guard rails of its kind, return what is
    sent on and what it is about (an image), if it says.

    A route without a shape passes its body unread by us and has no guard rail on it. Raises Forbidden with what was
    asked beyond confinement.
    """
    route = request.match.route
    if route.shape is None:
        return await request.body(), ""
    request.check_json()
    value = decode(await request.body(), route.shape)
    settled = await check_body(
        request.actor, route.kind, msgspec.to_builtins(value), request_target(request),
        request_id=request.request_id, host_name=request.environment.host_name,
    )  # fmt: skip
    return encode(settled), str(getattr(value, "image", ""))


async def run_as_job(request: Request) -> None:
    """Submit, wait for the end, answer with what the host answered. The client going away leaves the job alone."""
    body, about = await checked_body(request)
    uid = uuid.uuid4()

    async def answer(ended: asyncio.Event) -> int:
        return await _answer_outcome(request, await waiter().wait(uid, ended))

    with waiter().listening(uid) as ended:
        await in_thread(_submit, request, body, uid, about)
        await until_disconnect(request, answer(ended))


def _submit(request: Request, body: bytes, uid: uuid.UUID, about: str, streamed_by: str | None = None) -> Job:
    route, environment = request.match.route, request.environment
    target = _named(request_target(request))
    stored: dict[str, Any] = {}
    if streamed_by is None:
        headers = [pair for pair in request.forwarded_headers(body_length=len(body)) if _is_kept(pair[0], body)]
        stored = {
            "method": request.method,
            "path": request.raw_path,
            "headers": headers,
            "body": body.decode("utf-8", "replace") if body else None,
        }
    return submit(
        request.actor,
        route.action,
        target,
        kind=f"engine.{route.kind}",
        title=f"{route.title} {target.name or about}".rstrip(),
        request=stored,
        host_name=environment.host_name,
        request_id=request.request_id,
        streamed_by=streamed_by,
        uid=uid,
    )


def _named(target: Target) -> Target:
    """Return `target` with the container's full id and its name where the mirror knows them."""
    if target.type != "container" or target.host_id is None or not target.id:
        return target
    found = find_container_name(target.host_id, target.id)
    if found is not None:
        return dataclasses.replace(target, id=found[0], name=found[1])
    return dataclasses.replace(target, name=target.id[:12] if len(target.id) == 64 else target.id)


def _is_kept(name: str, body: bytes) -> bool:
    return name.lower() in _KEPT_HEADERS or (name.lower() == "content-length" and bool(body))


async def _answer_outcome(request: Request, outcome: dict[str, Any]) -> int:
    result = outcome["result"]
    if result is not None and "status" in result:
        headers = [(str(name), str(value)) for name, value in result.get("headers", [])]
        await request.begin(int(result["status"]), headers)
        await request.write(str(result.get("body", "")).encode(), more=False)
        return int(result["status"])
    if outcome["state"] == JobState.CANCELLED:
        raise Cancelled("the job was cancelled")
    error = outcome["error"] or {}
    raise error_for_status(int(error.get("status", 500)), str(error.get("message") or "the job failed"))


async def run_streamed(request: Request) -> None:
    """Write job and audit entry, hand the streams through, end the job by how that went.

    The agent sees the same operation key, but nobody asks again: the input is gone with its client. Should this process
    die, the sweeper ends the job as interrupted.
    """
    job = await in_thread(_submit, request, b"", uuid.uuid4(), "", worker_name())
    lost = threading.Event()
    leases.hold(job.uid, lost)
    try:
        status = await pass_through(request, operation=str(job.uid), held=True)
    except (MooringError, asyncio.CancelledError) as error:
        reason = error if isinstance(error, MooringError) else Cancelled("the client or its right went away")
        await asyncio.shield(in_thread(fail, job.uid, job.epoch, job.title, reason))
        raise
    except Exception:
        await in_thread(fail, job.uid, job.epoch, job.title, Internal("internal error"))
        raise
    else:
        await in_thread(_finish, job.uid, job.epoch, job.title, status, request.refusal)
    finally:
        leases.release(job.uid)


def _finish(uid: uuid.UUID, epoch: int, title: str, status: int, refusal: str) -> None:
    if status == 499:
        fail(uid, epoch, title, Cancelled("the client went away"))
    elif status >= 400 or refusal:
        fail(
            uid,
            epoch,
            title,
            error_for_status(status if status >= 400 else 500, refusal or f"the host answered {status}"),
        )
    else:
        succeed(uid, epoch, {"status": status, "value": None})


def _first(request: Request, *names: str) -> str:
    query = request.query
    for name in names:
        if query.get(name):
            tag = query.get("tag", [""])[0] if name in ("fromImage", "repo") else ""
            return f"{query[name][0]}:{tag}" if tag else query[name][0]
    return ""
