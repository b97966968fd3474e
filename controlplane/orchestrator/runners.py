"""Carry out the dashboard's composite jobs: pulling with progress, and pull + create + start as one."""

from __future__ import annotations

import time
from collections.abc import Coroutine
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from controlplane.gateway.calls import OPERATION_HEADER, GatewayClient
from controlplane.gateway.runner import ask_host, run_cancellably
from controlplane.jobs.execution import EngineRefusal
from controlplane.jobs.runners import Run
from controlplane.kernel.database import in_thread
from controlplane.orchestrator.engine_requests import pull_path
from wire.errors import Internal, MooringError, NotFound
from wire.httpstatus import error_for_status

__all__ = ["PullProgress", "run_container", "run_pull"]

WRITE_EVERY_S = 0.3


def run_pull(run: Run) -> dict[str, Any]:
    """Runner of kind `image.pull`."""
    _pull(run, str(run.request["path"]))
    return {"value": {"image": run.request["image"]}}


def run_container(run: Run) -> dict[str, Any]:
    """Runner of kind `container.run`: pull as asked, create, start. Each step has its own operation key."""
    request = run.request
    image = str(request["image"])
    if request.get("pull") == "always" or (request.get("pull") == "missing" and not _has_image(run, image)):
        _pull(run, pull_path(image))
    query = f"?{urlencode({'name': request['name']})}" if request.get("name") else ""
    created = ask_host(run, "POST", f"/containers/create{query}", body=request["body"], step="create")
    told = orjson.loads(created.body)
    container_id = str(told["Id"])
    run.write([f"created {container_id[:12]}", *[f"warning: {text}" for text in told.get("Warnings") or ()]], "system")
    if request.get("start", True):
        try:
            ask_host(run, "POST", f"/containers/{quote(container_id)}/start", step="start")
        except EngineRefusal:
            run.write([f"{container_id[:12]} was created and could not be started; it is still there"], "system")
            raise
        run.write([f"started {container_id[:12]}"], "system")
    return {"value": {"id": container_id, "warnings": told.get("Warnings") or []}}


def _has_image(run: Run, image: str) -> bool:
    try:
        ask_host(run, "GET", f"/images/{quote(image, safe='/:@')}/json", step="look")
    except EngineRefusal as refusal:
        if not isinstance(refusal.error, NotFound):
            raise
        run.write([f"{image} is not on the host yet"], "system")
        return False
    return True


class PullProgress:
    """From the engine's progress lines to output lines and one number.

    Layers' own counters change many times a second: they move the number, only their changes of state become lines.
    """

    def __init__(self) -> None:
        self._layers: dict[str, tuple[int, int]] = {}
        self._said: dict[str, str] = {}
        self.lines: list[str] = []

    def feed(self, line: dict[str, Any]) -> None:
        """Take one decoded line. Raises the error that it tells."""
        if line.get("error"):
            detail = line.get("errorDetail") or {}
            raise error_for_status(int(detail.get("code") or 500), str(detail.get("message") or line["error"]))
        status, layer = str(line.get("status") or ""), str(line.get("id") or "")
        detail = line.get("progressDetail") or {}
        if layer and detail.get("total"):
            self._layers[layer] = (int(detail.get("current") or 0), int(detail["total"]))
        if status in ("Download complete", "Pull complete", "Already exists") and layer in self._layers:
            self._layers[layer] = (self._layers[layer][1],) * 2
        if status and self._said.get(layer) != status:
            self._said[layer] = status
            self.lines.append(f"{layer}: {status}" if layer else status)

    @property
    def fraction(self) -> float | None:
        """How far it is, 0 to 1; None while nothing is known."""
        total = sum(size for _, size in self._layers.values())
        return round(sum(done for done, _ in self._layers.values()) / total, 3) if total else None


def _pull(run: Run, path: str) -> None:
    def attempt(client: GatewayClient) -> Coroutine[Any, Any, None]:
        return _stream_pull(run, client, path)

    run_cancellably(run, attempt)


async def _stream_pull(run: Run, client: GatewayClient, path: str) -> None:
    if run.host_id is None:
        raise Internal("the job names no host")
    headers = [("X-Registry-Auth", "e30="), (OPERATION_HEADER, run.operation_key("pull"))]
    progress, written_at, buffer = PullProgress(), 0.0, b""
    async with client.call(run.host_id, "POST", path, headers=headers) as answer:
        if answer.status != 200:
            raise error_for_status(answer.status, _message(await answer.read(64 * 1024)))
        async for chunk in answer.chunks():
            *lines, buffer = (buffer + chunk).split(b"\n")
            try:
                for line in lines:
                    if line.strip():
                        progress.feed(orjson.loads(line))
            except MooringError:
                await in_thread(_write, run, progress)
                raise
            if time.monotonic() - written_at > WRITE_EVERY_S:
                written_at = time.monotonic()
                await in_thread(_write, run, progress)
    await in_thread(_write, run, progress)


def _write(run: Run, progress: PullProgress) -> None:
    lines, progress.lines = progress.lines, []
    run.write(lines)
    if progress.fraction is not None:
        run.set_progress(progress.fraction)


def _message(body: bytes) -> str:
    try:
        return str(orjson.loads(body)["message"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return "the host refused"
