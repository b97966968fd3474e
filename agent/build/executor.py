"""Runs a plan: every stage at once as far as they do not wait for each other, its events in the file's order.

A stage that others read is waited for where they read it. Events of a later stage are kept, within bounds, until those
before it have been told, so that the stream reads as if stages had run one after another. The first fault in that order
ends the build; what still runs is cancelled and cleans up before the fault is told.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing

from agent.build.build_args import BuildArgs
from agent.build.events import BuildEvent, StepStarted
from agent.build.plan import Plan, Stage
from agent.build.stage_runner import StageRunner
from agent.build.step_context import StepContext

__all__ = ["execute"]

_EVENTS_KEPT = 1024
_SLOTS = max(2, os.cpu_count() or 2)


class _StageTask:
    """A stage under way: its events so far, and its result once there is one."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[BuildEvent | None] = asyncio.Queue(_EVENTS_KEPT)
        self.task: asyncio.Task[str] | None = None

    async def result(self) -> str:
        """The image's id; raises what made the stage fail. A waiter that is cancelled does not cancel the stage."""
        assert self.task is not None
        return await asyncio.shield(self.task)


async def execute(
    context: StepContext, plan: Plan, args: BuildArgs, *, escape: str
) -> AsyncGenerator[BuildEvent | str, None]:
    """Yield the build's events, and last the id of the image it made ("" for none).

    Closing the iterator cancels the build and returns once everything of it is cleaned up.
    """
    number = 1
    for declaration in plan.global_args:
        yield StepStarted(number, plan.step_count, declaration.statement.original)
        number += 1
    running: dict[int, _StageTask] = {stage.index: _StageTask() for stage in plan.stages}
    slots = asyncio.Semaphore(_SLOTS)
    try:
        for stage in plan.stages:
            runner = _runner(context, plan, stage, args, number, escape, running, slots)
            state = running[stage.index]
            state.task = asyncio.create_task(_run(runner, state), name=f"build-stage-{stage.index}")
            number += 1 + len(stage.instructions)
        image_id = ""
        for stage in plan.stages:
            state = running[stage.index]
            async with aclosing(_told(state)) as events:
                async for event in events:
                    yield event
            image_id = await state.result()
        yield image_id
    finally:
        await _stop(running)


def _runner(
    context: StepContext,
    plan: Plan,
    stage: Stage,
    args: BuildArgs,
    number: int,
    escape: str,
    running: dict[int, _StageTask],
    slots: asyncio.Semaphore,
) -> StageRunner:
    return StageRunner(
        context,
        plan,
        stage,
        args.fork(),
        first_step=number,
        escape=escape,
        emit=running[stage.index].events.put,
        result_of=lambda index: running[index].result(),
        slots=slots,
    )


async def _run(runner: StageRunner, state: _StageTask) -> str:
    try:
        return await runner.run()
    finally:
        # With a full queue nobody reads any more, or will read on and see that the task is done.
        if not state.events.full():
            state.events.put_nowait(None)


async def _told(state: _StageTask) -> AsyncGenerator[BuildEvent, None]:
    assert state.task is not None
    while True:
        if state.events.empty() and state.task.done():
            return
        getting = asyncio.ensure_future(state.events.get())
        try:
            await asyncio.wait((getting, state.task), return_when=asyncio.FIRST_COMPLETED)
            if not getting.done():
                continue
            event = getting.result()
        finally:
            getting.cancel()
        if event is None:
            return
        yield event


async def _stop(running: dict[int, _StageTask]) -> None:
    """Cancel what runs and wait until it has cleaned up; no fault is left unread."""
    tasks = [state.task for state in running.values() if state.task is not None]
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, BaseException):
            continue
