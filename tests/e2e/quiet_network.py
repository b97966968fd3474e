"""A network of its own for the browser. When an interface appears on the machine (every container brings one), Chromium
drops every request under way with ERR_NETWORK_CHANGED. In a namespace that has only a loopback nothing ever appears; a
pair of relays over a unix socket leads from its 127.0.0.1 to the machine's.

Run as a program it is one of the relays, `quiet_network.py inside|outside PORT SOCKET`, and ends with its parent.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

__all__ = ["quiet_browser"]

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, RuntimeError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


async def _relay(side: str, port: int, path: str) -> None:
    """Accept on one side and dial the other, until the parent has gone."""
    dial: Callable[[], Awaitable[Streams]]
    under_way: set[asyncio.Task[None] | None] = set()  # the loop itself holds tasks only weakly

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        under_way.add(task)
        try:
            far_reader, far_writer = await dial()
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
            far_writer.close()
        except OSError:
            pass
        finally:
            writer.close()
            under_way.discard(task)

    if side == "inside":
        dial = lambda: asyncio.open_unix_connection(path)  # noqa: E731 (two of a kind, side by side)
        server = await asyncio.start_server(serve, "127.0.0.1", port)
    else:
        dial = lambda: asyncio.open_connection("127.0.0.1", port)  # noqa: E731
        server = await asyncio.start_unix_server(serve, path)
    parent = os.getppid()
    async with server:
        while os.getppid() == parent:  # noqa: ASYNC110 (nothing else tells that the parent is gone)
            await asyncio.sleep(0.5)


@contextlib.contextmanager
def quiet_browser(chromium: str, port: int, directory: Path) -> Iterator[str]:
    """Return the path of a program that starts `chromium` in a namespace where only 127.0.0.1:`port` can be reached."""
    path = directory / "relay.sock"
    program = directory / "chromium"
    relay = f"{sys.executable} {__file__}"
    program.write_text(
        "#!/bin/sh\n"
        f"exec unshare --net sh -c 'ip link set lo up && {{ {relay} inside {port} {path} & }} && "
        f'exec {chromium} "$@"\' chromium "$@"\n'
    )
    program.chmod(0o755)
    with subprocess.Popen([sys.executable, __file__, "outside", str(port), str(path)]) as outside:
        try:
            deadline = time.monotonic() + 30
            while not path.exists():
                assert outside.poll() is None, "the relay did not start"
                assert time.monotonic() < deadline, "the relay does not listen"
                time.sleep(0.02)
            yield str(program)
        finally:
            outside.terminate()


if __name__ == "__main__":
    asyncio.run(_relay(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
