"""`wait`: registered before it returns, so that a client may start the container when it has the answer's headers."""

from __future__ import annotations

from collections.abc import Awaitable

from agent.engine.context import Context
from agent.ports.runtime import ExitStatus
from wire.errors import Invalid

__all__ = ["wait"]

_CONDITIONS = ("", "not-running", "next-exit", "removed")


def wait(ctx: Context, ref: str, condition: str = "") -> Awaitable[tuple[ExitStatus, str]]:
    """`not-running` (also ""): at once when it does not run. `next-exit`: the end of this or the next run. `removed`:
    when it is gone, or its removal failed (the second part says why). Invalid for another condition."""
    container = ctx.containers.resolve(ref)
    if condition not in _CONDITIONS:
        raise Invalid(f'invalid condition: "{condition}"')
    return container.wait(condition)
