"""What every `ports.runtime.Runtime` must do. Subclass with a `lab` fixture; the fake and the real ones pass the same.

Programs are named by what both BusyBox and the fake have: sh, sleep, cat, true.
"""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.ports.runtime import ExecSpec, ProcessSpec, Resources, Runtime, SandboxSpec, StdioSession
from wire.errors import Conflict, Invalid, NotFound, Timeout

__all__ = ["Lab", "RuntimeSuite", "eventually", "output_of", "read_if_there"]

SIGKILL = 9


@dataclass
class Lab:
    """A runtime to be tested and how to make containers of it."""

    runtime: Runtime
    template: Callable[[str], SandboxSpec]
    logs: Path

    def spec(self, *args: str, process: ProcessSpec | None = None, **changes: Any) -> SandboxSpec:
        """A fresh container that runs `args`."""
        made = self.template(secrets.token_hex(32))
        wanted = process or ProcessSpec(args=args)
        merged = dataclasses.replace(
            made.process, args=wanted.args, tty=wanted.tty, cwd=wanted.cwd,
            console_rows=wanted.console_rows, console_columns=wanted.console_columns,
        )  # fmt: skip
        return dataclasses.replace(made, process=merged, log_path=self.logs / f"{made.id[:12]}.log", **changes)

    def process(self, *args: str, **changes: Any) -> ProcessSpec:
        """A process for an exec."""
        return dataclasses.replace(self.template("0" * 64).process, args=args, **changes)

    async def running(self, *args: str, **changes: Any) -> SandboxSpec:
        """Create and start."""
        spec = self.spec(*args, **changes)
        await self.runtime.create(spec)
        await self.runtime.start(spec.id)
        return spec


async def output_of(session: StdioSession) -> dict[int, bytes]:
    """All of a session's output by stream, until it ends."""
    collected = {1: b"", 2: b""}
    async for stream, data in session.output():
        collected[stream] += data
    await session.close()
    return collected


def read_if_there(path: Path | None) -> bytes:
    """A file's content, nothing when it does not exist yet."""
    return path.read_bytes() if path is not None and path.exists() else b""


async def eventually(condition: Callable[[], bool], limit_s: float = 60) -> None:
    """Wait until `condition` holds; fails when it does not in time."""
    for _ in range(int(limit_s / 0.01)):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not happen in time")


class RuntimeSuite:
    """Named cases of the contract."""

    async def test_a_container_runs_to_its_end(self, lab: Lab) -> None:
        spec = lab.spec("sh", "-c", "echo out; echo err >&2; exit 3")
        pid = await lab.runtime.create(spec)
        assert pid > 1
        session = await lab.runtime.attach(spec.id)
        await lab.runtime.start(spec.id)
        assert await output_of(session) == {1: b"out\n", 2: b"err\n"}
        status = await lab.runtime.wait(spec.id)
        assert (status.code, status.oom_killed, status.lost) == (3, False, False)
        assert spec.log_path is not None
        assert [line.split(b" ", 2)[1:] for line in spec.log_path.read_bytes().splitlines()] == [
            [b"stdout", b"F out"],
            [b"stderr", b"F err"],
        ]
        await lab.runtime.delete(spec.id)

    async def test_nothing_runs_before_start_and_start_may_be_repeated(self, lab: Lab) -> None:
        spec = lab.spec("sh", "-c", "echo started")
        await lab.runtime.create(spec)
        waiting = asyncio.ensure_future(lab.runtime.wait(spec.id))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await lab.runtime.start(spec.id)
        await lab.runtime.start(spec.id)
        assert (await waiting).code == 0
        assert spec.log_path is not None
        assert spec.log_path.read_bytes().count(b"started") == 1
        await lab.runtime.delete(spec.id)

    async def test_many_may_wait_and_late_ones_get_the_same(self, lab: Lab) -> None:
        spec = await lab.running("sh", "-c", "exit 5")
        first = await asyncio.gather(*(lab.runtime.wait(spec.id) for _ in range(5)))
        assert {status.code for status in (*first, await lab.runtime.wait(spec.id))} == {5}
        await lab.runtime.delete(spec.id)

    async def test_a_killed_container_ends_with_the_signal(self, lab: Lab) -> None:
        spec = await lab.running("sleep", "1000")
        await lab.runtime.kill(spec.id, SIGKILL)
        assert (await lab.runtime.wait(spec.id)).code == 137
        await lab.runtime.kill(spec.id, SIGKILL)  # a race every caller has: no error
        await lab.runtime.delete(spec.id)

    @pytest.mark.parametrize(
        ("command", "text"),
        [
            ("nosuch-missing", 'exec: "nosuch-missing": executable file not found in $PATH'),
            ("/missing/program", 'exec: "/missing/program": stat /missing/program: no such file or directory'),
        ],
    )
    async def test_a_missing_command_is_said_in_dockers_words_and_leaves_nothing(
        self, lab: Lab, command: str, text: str
    ) -> None:
        spec = lab.spec(command)
        with pytest.raises(Invalid) as caught:
            await lab.runtime.create(spec)
        assert caught.value.message == (
            "failed to create task for container: failed to create shim task: OCI runtime create failed: "
            f"runc create failed: unable to start container process: {text}: unknown"
        )
        assert caught.value.details["exit_code"] == 127
        with pytest.raises(NotFound):
            await lab.runtime.wait(spec.id)
        await lab.runtime.delete(spec.id)

    async def test_an_id_is_used_once_at_a_time(self, lab: Lab) -> None:
        spec = await lab.running("sleep", "1000")
        with pytest.raises(Conflict):
            await lab.runtime.create(spec)
        await lab.runtime.delete(spec.id)
        await lab.runtime.create(spec)
        await lab.runtime.start(spec.id)
        await lab.runtime.delete(spec.id)

    async def test_delete_kills_and_may_be_repeated(self, lab: Lab) -> None:
        spec = await lab.running("sleep", "1000")
        created = lab.spec("sleep", "1000")
        await lab.runtime.create(created)
        for container_id in (spec.id, created.id):
            await lab.runtime.delete(container_id)
            await lab.runtime.delete(container_id)
            with pytest.raises(NotFound):
                await lab.runtime.kill(container_id, SIGKILL)

    async def test_stdin_once_ends_with_the_client(self, lab: Lab) -> None:
        spec = lab.spec("cat", open_stdin=True, stdin_once=True)
        await lab.runtime.create(spec)
        session = await lab.runtime.attach(spec.id)
        await lab.runtime.start(spec.id)
        sent = b"0123456789abcdef" * 5000  # more than one message of the monitor
        reading = asyncio.ensure_future(output_of(session))
        await session.write(sent)
        await session.close_stdin()
        assert (await reading)[1] == sent
        assert (await lab.runtime.wait(spec.id)).code == 0
        await lab.runtime.delete(spec.id)

    async def test_open_stdin_outlives_its_clients(self, lab: Lab) -> None:
        spec = await lab.running("cat", open_stdin=True)
        for text in (b"first\n", b"second\n"):
            session = await lab.runtime.attach(spec.id)
            await session.write(text)
            async with asyncio.timeout(60):
                async for _, data in session.output():
                    assert data == text
                    break
            await session.close_stdin()
            await session.close()
        await lab.runtime.delete(spec.id)

    async def test_every_client_sees_the_same(self, lab: Lab) -> None:
        spec = lab.spec("sh", "-c", "echo one; echo two")
        await lab.runtime.create(spec)
        sessions = [await lab.runtime.attach(spec.id) for _ in range(3)]
        await lab.runtime.start(spec.id)
        assert [await output_of(s) for s in sessions] == [{1: b"one\ntwo\n", 2: b""}] * 3
        late = await lab.runtime.attach(spec.id)
        await lab.runtime.wait(spec.id)
        assert await output_of(late) == {1: b"", 2: b""}
        await lab.runtime.delete(spec.id)

    async def test_a_reader_that_was_there_first_loses_nothing_however_slow(self, lab: Lab) -> None:
        spec = lab.spec("seq", "400000")
        await lab.runtime.create(spec)
        session = await lab.runtime.attach(spec.id)
        await lab.runtime.start(spec.id)
        collected, pauses = b"", 0
        async for _, data in session.output():
            collected += data
            if len(collected) // 200_000 > pauses:
                pauses += 1
                await asyncio.sleep(0.01)
        assert collected == b"".join(b"%d\n" % n for n in range(1, 400_001))
        await lab.runtime.wait(spec.id)
        await lab.runtime.delete(spec.id)

    async def test_a_terminal_is_resized_and_talks_back(self, lab: Lab) -> None:
        spec = lab.spec(process=ProcessSpec(args=("sh",), tty=True), open_stdin=True)
        await lab.runtime.create(spec)
        session = await lab.runtime.attach(spec.id)
        await lab.runtime.start(spec.id)
        assert session.tty
        await lab.runtime.resize(spec.id, 33, 101)
        seen = b""
        while b"33 101" not in seen:  # the size travels beside the input
            await session.write(b"stty size\r")
            async with asyncio.timeout(60):
                async for _, data in session.output():
                    seen += data
                    if (seen.count(b"stty size") > 0 and seen.endswith((b"# ", b"$ "))) or b"33 101" in seen:
                        break
        await session.write(b"exit 7\r")
        await output_of(session)
        assert (await lab.runtime.wait(spec.id)).code == 7
        await lab.runtime.delete(spec.id)

    # execs

    async def test_an_exec_has_streams_and_a_code(self, lab: Lab) -> None:
        spec = await lab.running("sleep", "1000")
        process = lab.process("sh", "-c", "echo out; echo err >&2; exit 4")
        pid, session = await lab.runtime.exec_start(spec.id, ExecSpec(exec_id="e" * 64, process=process))
        assert pid >= 0
        assert session is not None
        assert await output_of(session) == {1: b"out\n", 2: b"err\n"}
        assert (await lab.runtime.exec_wait(spec.id, "e" * 64)).code == 4
        await lab.runtime.delete(spec.id)

    async def test_an_exec_reads_its_input_to_the_end(self, lab: Lab) -> None:
        spec = await lab.running("sleep", "1000")
        exec_spec = ExecSpec(exec_id="a" * 64, process=lab.process("cat"), open_stdin=True)
        _, session = await lab.runtime.exec_start(spec.id, exec_spec)
        assert session is not None
        sent = b"x" * 300_000
        reading = asyncio.ensure_future(output_of(session))
        await session.write(sent)
        await session.close_stdin()
        assert (await reading)[1] == sent
        assert (await lab.runtime.exec_wait(spec.id, "a" * 64)).code == 0
        await lab.runtime.delete(spec.id)

    async def test_an_exec_in_a_terminal(self, lab: Lab) -> None:
        spec = await lab.running("sleep", "1000")
        process = lab.process("sh", "-c", "stty size; exit 6", tty=True, console_rows=44, console_columns=99)
        exec_spec = ExecSpec(exec_id="t" * 64, process=process, open_stdin=True)
        _, session = await lab.runtime.exec_start(spec.id, exec_spec)
        assert session is not None
        assert session.tty
        assert (await output_of(session))[1] == b"44 99\r\n"
        assert (await lab.runtime.exec_wait(spec.id, "t" * 64)).code == 6
        await lab.runtime.delete(spec.id)

    async def test_an_exec_of_a_missing_command(self, lab: Lab) -> None:
        # Repeated: the zombie that a runtime may leave in the container dies now before, now after the runtime itself,
        # and the container cannot end while it is there.
        for _ in range(10):
            spec = await lab.running("sleep", "1000")
            with pytest.raises(Invalid) as caught:
                await lab.runtime.exec_start(spec.id, ExecSpec(exec_id="m", process=lab.process("nosuch-missing")))
            assert caught.value.message == (
                "OCI runtime exec failed: exec failed: unable to start container process: "
                'exec: "nosuch-missing": executable file not found in $PATH: unknown'
            )
            with pytest.raises(NotFound):
                await lab.runtime.exec_wait(spec.id, "m")
            await lab.runtime.delete(spec.id)

    async def test_a_detached_exec_and_its_kill(self, lab: Lab) -> None:
        spec = await lab.running("sleep", "1000")
        exec_spec = ExecSpec(exec_id="d" * 64, process=lab.process("sleep", "1000"), attach=False)
        _, session = await lab.runtime.exec_start(spec.id, exec_spec)
        assert session is None
        assert len(await lab.runtime.pids(spec.id)) == 2
        await lab.runtime.exec_kill(spec.id, "d" * 64, SIGKILL)
        assert (await lab.runtime.exec_wait(spec.id, "d" * 64)).code == 137
        await lab.runtime.delete(spec.id)

    async def test_execs_end_with_their_container(self, lab: Lab) -> None:
        spec = await lab.running("sleep", "1000")
        _, session = await lab.runtime.exec_start(spec.id, ExecSpec(exec_id="x", process=lab.process("sleep", "1000")))
        assert session is not None
        await lab.runtime.delete(spec.id)
        assert await output_of(session) == {1: b"", 2: b""}

    async def test_a_probe_gives_code_and_output(self, lab: Lab) -> None:
        spec = await lab.running("sleep", "1000")
        process = lab.process("sh", "-c", "echo healthy; echo more >&2; exit 1")
        code, output = await lab.runtime.run_probe(spec.id, process, 20, 4096)
        assert (code, sorted(output.split())) == (1, [b"healthy", b"more"])
        code, output = await lab.runtime.run_probe(spec.id, process, 20, 3)
        assert (code, output in (b"hea", b"mor")) == (1, True)  # two pipes: which is read first is nobody's promise
        with pytest.raises(Timeout):
            await lab.runtime.run_probe(spec.id, lab.process("sleep", "1000"), 0.1, 4096)
        assert len(await lab.runtime.pids(spec.id)) == 1, "a probe that was too slow is gone"
        await lab.runtime.delete(spec.id)

    # the rest

    async def test_a_paused_container_does_nothing_and_can_be_deleted(self, lab: Lab) -> None:
        spec = await lab.running("cat", open_stdin=True)
        session = await lab.runtime.attach(spec.id)
        await lab.runtime.pause(spec.id)
        await session.write(b"awake\n")
        await asyncio.sleep(0.2)
        assert b"awake" not in read_if_there(spec.log_path)
        await lab.runtime.resume(spec.id)
        await eventually(lambda: b"awake" in read_if_there(spec.log_path))
        await lab.runtime.pause(spec.id)
        await session.close()
        await lab.runtime.delete(spec.id)

    async def test_a_container_can_be_paused_the_moment_it_was_started(self, lab: Lab) -> None:
        """The init may be in the middle of its execve(2), where a v1 freezer gets stuck in FREEZING."""
        for _ in range(20):
            spec = await lab.running("sleep", "1000")
            await lab.runtime.pause(spec.id)
            await lab.runtime.resume(spec.id)
            await lab.runtime.delete(spec.id)

    async def test_limits_are_updated_and_seen_in_stats(self, lab: Lab) -> None:
        spec = await lab.running("sleep", "1000", resources=Resources(memory_bytes=64 << 20, pids_limit=50))
        before = await lab.runtime.stats(spec.id)
        assert (before.memory_limit_bytes, before.pids_limit) == (64 << 20, 50)
        assert before.pids_current >= 1  # runc's own threads count until it becomes the command
        await lab.runtime.update(spec.id, Resources(memory_bytes=96 << 20, memory_swap_bytes=192 << 20, pids_limit=60))
        after = await lab.runtime.stats(spec.id)
        assert (after.memory_limit_bytes, after.pids_limit) == (96 << 20, 60)
        assert after.memory_usage_bytes > 0
        await lab.runtime.delete(spec.id)

    async def test_twenty_at_once(self, lab: Lab) -> None:
        async def one(number: int) -> int:
            spec = lab.spec("sh", "-c", f"exit {number}")
            await lab.runtime.create(spec)
            await lab.runtime.start(spec.id)
            status = await lab.runtime.wait(spec.id)
            await lab.runtime.delete(spec.id)
            return status.code

        assert await asyncio.gather(*(one(n) for n in range(20))) == list(range(20))

    async def test_an_unknown_container_is_not_found(self, lab: Lab) -> None:
        for call in (lab.runtime.start, lab.runtime.pids, lab.runtime.stats, lab.runtime.attach, lab.runtime.pause):
            with pytest.raises(NotFound):
                await call("f" * 64)
        assert await lab.runtime.recover("f" * 64, lab.logs / "nowhere") is None
