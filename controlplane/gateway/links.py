"""The tunnels this gateway holds. One per host: a newer connection of the same host replaces the older one."""

from __future__ import annotations

import contextlib
import logging
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from controlplane.fleet.actions import link_down, link_up
from controlplane.kernel.database import in_thread
from wire.errors import Unavailable
from wire.net.mux import Session

__all__ = ["Link", "Links"]

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Link:
    """One host's live tunnel."""

    host_id: uuid.UUID
    name: str
    session: Session
    source: str = ""
    replaced: bool = field(default=False)


class Links:
    """See the module docstring. Lives in the gateway's event loop."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self._links: dict[uuid.UUID, Link] = {}
        self._ending: Counter[uuid.UUID] = Counter()  # hosts whose end is being written
        self.closing = False

    def find(self, host_id: uuid.UUID) -> Link | None:
        """Return the host's live tunnel, if there is one."""
        link = self._links.get(host_id)
        return link if link is not None and not link.session.closed else None

    def hosts(self) -> list[uuid.UUID]:
        """Return the ids of all linked hosts."""
        return list(self._links)

    def known(self) -> list[uuid.UUID]:
        """Return the ids of all hosts of which this process writes, or is about to write, how they are."""
        return [*self._links, *self._ending]

    @contextlib.asynccontextmanager
    async def attached(self, link: Link) -> AsyncIterator[None]:
        """Hold `link` inside the block: the host is up. At its end the host has left (goodbye) or is lost."""
        older = self._links.get(link.host_id)
        self._links[link.host_id] = link
        if older is not None:
            older.replaced = True
            older.session.close(Unavailable("replaced by a newer connection of the same host"))
        logger.info("gateway.host_linked host=%s source=%s", link.name, link.source)
        try:
            await in_thread(link_up, link.host_id, self.epoch)
            yield
        finally:
            if self._links.get(link.host_id) is link:
                del self._links[link.host_id]
            if not link.replaced:
                left = link.session.draining and not self.closing
                reason = link.session.error.message if link.session.error is not None else ""
                logger.info("gateway.host_unlinked host=%s left=%s reason=%s", link.name, left, reason)
                self._ending[link.host_id] += 1
                try:
                    await in_thread(link_down, link.host_id, self.epoch, left=left, detail=reason)
                finally:
                    self._ending -= Counter({link.host_id: 1})

    def cut(self, host_id: uuid.UUID, reason: str) -> None:
        """End the host's tunnel, if it has one."""
        link = self._links.get(host_id)
        if link is not None:
            link.session.close(Unavailable(reason))

    def close(self) -> None:
        """End all tunnels: this gateway stops, its hosts dial again."""
        self.closing = True
        for link in list(self._links.values()):
            link.session.close(Unavailable("the gateway stops"))
