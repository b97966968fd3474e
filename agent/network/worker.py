"""The one thread that talks netlink and enters namespaces. Everything that may wait for a kernel lock is done here."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from agent.network.netlink import NetlinkSocket
from agent.network.nftables import Nftables

__all__ = ["Worker"]

P = ParamSpec("P")
T = TypeVar("T")


class Worker:
    """Runs functions one after another on its own thread. Whoever makes it closes it.

    Cancelling a caller does not stop its function: what the kernel was asked for happens, and a teardown, which waits
    its turn behind it, finds it done. Callers therefore note what they are about to make before they ask for it.
    """

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._local = threading.local()

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `function` on the thread and return what it returned."""
        return await asyncio.wrap_future(self._pool.submit(functools.partial(function, *args, **kwargs)))

    async def acquire(
        self, discard: Callable[[T], object], function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `run`, for what somebody has to close: what is made for a caller cancelled meanwhile goes to `discard`,
        on whichever thread."""
        pending = self._pool.submit(functools.partial(function, *args, **kwargs))
        try:
            return await asyncio.wrap_future(pending)
        except asyncio.CancelledError:
            # also when it was made just before, and the caller cancelled before it could take it

            def drop(done: Future[T]) -> None:
                if not done.cancelled() and done.exception() is None:
                    discard(done.result())

            pending.add_done_callback(drop)
            raise

    def route(self) -> NetlinkSocket:
        """The thread's own rtnetlink socket in the host's namespace. Call it on the thread."""
        found: NetlinkSocket | None = getattr(self._local, "route", None)
        if found is None:
            found = self._local.route = NetlinkSocket()
        return found

    def nft(self) -> Nftables:
        """The thread's own libnftables context in the host's namespace. Call it on the thread."""
        found: Nftables | None = getattr(self._local, "nft", None)
        if found is None:
            found = self._local.nft = Nftables()
        return found

    async def close(self) -> None:
        """Finish what was asked for and end the thread."""
        await self.run(self.close_sockets)
        self._pool.shutdown(wait=True)

    def close_sockets(self) -> None:
        """Close what `route` and `nft` opened on the calling thread."""
        for kept in self._local.__dict__.values():
            kept.close()
        self._local.__dict__.clear()
