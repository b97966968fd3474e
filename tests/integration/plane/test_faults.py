"""kill -9 of each process of the plane: what was accepted is done once, and all heals by itself."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3

from tests.fakes.fake_agent import FakeEngine
from tests.integration.plane.processes import Plane, eventually


def _jobs(plane: Plane) -> list[dict[str, str]]:
    with contextlib.closing(sqlite3.connect(f"file:{plane.data}/plane/db.sqlite3?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute("SELECT * FROM jobs_job ORDER BY number")]


async def _reached(engine: FakeEngine, name: str) -> None:
    await eventually(
        lambda: any(method == "POST" and path == "/containers/create" for method, path in engine.requests), 60, name
    )


async def test_worker_killed_in_the_middle(plane: Plane, engine: FakeEngine) -> None:
    engine.hold = asyncio.Event()
    client = asyncio.create_task(plane.docker("create", "--name", "once-w", "busybox"))
    await _reached(engine, "the worker asks the host")
    plane.kill("worker")
    plane.start("worker")
    engine.hold.set()
    code, _, err = await client
    assert (code, err) == (0, "")
    assert engine.effects["create"] == 1
    job = (await asyncio.to_thread(_jobs, plane))[-1]
    assert (job["state"], int(job["attempts"])) == ("succeeded", 2)


async def test_asgi_killed_in_the_middle(plane: Plane, engine: FakeEngine) -> None:
    engine.hold = asyncio.Event()
    client = asyncio.create_task(plane.docker("create", "--name", "once-a", "busybox"))
    await _reached(engine, "the worker asks the host")
    plane.kill("asgi")
    assert (await client)[0] == 1  # its connection is gone; the job is not
    plane.start("asgi")
    engine.hold.set()
    await eventually(lambda: engine.effects["create"], 120, "the job goes on")

    async def ended() -> bool:
        return (await asyncio.to_thread(_jobs, plane))[-1]["state"] == "succeeded"

    await eventually(ended, 120, "the job is recorded")
    assert engine.effects["create"] == 1
    await eventually(lambda: _answers(plane), 120, "the host is linked again")


async def test_gateway_killed_in_the_middle(plane: Plane, engine: FakeEngine) -> None:
    engine.hold = asyncio.Event()
    client = asyncio.create_task(plane.docker("create", "--name", "once-g", "busybox"))
    await _reached(engine, "the worker asks the host")
    plane.kill("gateway")
    plane.start("gateway")
    engine.hold.set()
    code, _, err = await client
    assert (code, err) == (0, "")
    assert engine.effects["create"] == 1


async def test_valkey_gone_and_back(plane: Plane, engine: FakeEngine) -> None:
    plane.kill("valkey")
    client = asyncio.create_task(plane.docker("create", "--name", "once-v", "busybox"))
    assert (await plane.docker("ps"))[0] == 0  # reads need no broker

    async def queued() -> bool:
        return (await asyncio.to_thread(_jobs, plane))[-1]["target_name"] == "once-v"

    await eventually(queued, 120, "the job is accepted without a broker")
    plane.start("valkey")
    code, _, err = await client
    assert (code, err) == (0, "")
    assert engine.effects["create"] == 1


async def test_messages_delivered_again_do_nothing(plane: Plane, engine: FakeEngine) -> None:
    await plane.docker("create", "--name", "once-d", "busybox")
    uid = (await asyncio.to_thread(_jobs, plane))[-1]["uid"]
    code = (
        "from controlplane.celery import app; "
        f"[app.send_task('jobs.run', args=('{uid}',)) for _ in range(5)]; app.send_task('no.such', args=())"
    )
    await asyncio.to_thread(plane.manage, "shell", "-v0", "-c", code)
    await plane.docker("start", "once-d")
    assert dict(engine.effects) == {"create": 1, "start": 1}


async def test_a_host_that_is_away_is_said_to_be(plane: Plane, engine: FakeEngine) -> None:
    plane.kill("gateway")
    code, _, err = await plane.docker("ps")
    assert code == 1
    assert "the gateway is not running" in err
    plane.start("gateway")
    await eventually(lambda: _answers(plane), 120, "the host dials again")


async def _answers(plane: Plane) -> bool:
    return (await plane.docker("ps"))[0] == 0
