"""Events: numbered, kept in a ring, told to every subscriber in order.

A number is never used twice in one run of the agent and grows across restarts (it starts from the clock), so a reader
that has seen N and finds N in the ring has missed nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from agent.engine.clock import now_ns, parse_timestamp
from wire.errors import Internal, Invalid, PreconditionFailed
from wire.filters import match_labels
from wire.refs import parse_reference

__all__ = ["EventBus"]

Event = dict[str, Any]
Filters = Mapping[str, Sequence[str]]

_RING: Final = 4096  # events kept for since= and for resuming readers
_BACKLOG: Final = 16384  # a subscriber further behind than this is ended: it must start again from a snapshot


class EventBus:
    """Publish and subscribe on the event loop; nothing here waits for a slow reader."""

    def __init__(self) -> None:
        self._ring: deque[tuple[int, Event]] = deque(maxlen=_RING)
        self._readers: set[asyncio.Queue[tuple[int, Event] | None]] = set()
        self._closed = False
        self.sequence = now_ns() // 1000  # grows faster than events come, over restarts too

    def publish(self, kind: str, action: str, actor_id: str, attributes: Mapping[str, str]) -> None:
        """Make and tell one event. `attributes` is copied and sorted, as Go prints maps."""
        at_ns = now_ns()
        event: Event = {}
        if kind in ("container", "image"):
            event["status"] = action
            event["id"] = actor_id
            if kind == "container" and (image := attributes.get("image")):
                event["from"] = image
        event |= {
            "Type": kind,
            "Action": action,
            "Actor": {"ID": actor_id, "Attributes": dict(sorted(attributes.items()))},
            "scope": "local",
            "time": at_ns // 1_000_000_000,
            "timeNano": at_ns,
        }
        self.sequence += 1
        item = (self.sequence, event)
        self._ring.append(item)
        for queue in tuple(self._readers):
            if queue.qsize() >= _BACKLOG:
                self._readers.discard(queue)
                queue.put_nowait(None)
            else:
                queue.put_nowait(item)

    def stream(self, *, since: str = "", until: str = "", filters: Filters | None = None) -> AsyncIterator[Event]:
        """Docker's `GET /events`: what the ring has from `since`, then what comes, to `until`. Subscribed on return."""
        wanted = filters or {}
        try:
            since_ns, until_ns = _instant(since), _instant(until)
        except Invalid as error:  # Docker answers 500 here
            raise Internal(error.message) from error
        if since_ns is not None and until_ns is not None and until_ns < since_ns:
            raise Invalid(f"`since` time ({_go(since)}) cannot be after `until` time ({_go(until)})")
        queue = self._subscribe()
        past = [event for _, event in self._ring if since_ns is not None and event["timeNano"] >= since_ns]
        return self._stream(queue, past, until_ns, wanted)

    async def _stream(
        self,
        queue: asyncio.Queue[tuple[int, Event] | None],
        past: Sequence[Event],
        until_ns: int | None,
        wanted: Filters,
    ) -> AsyncIterator[Event]:
        try:
            for event in past:
                if (until_ns is None or event["timeNano"] <= until_ns) and _matches(event, wanted):
                    yield event
            while True:
                left_s = None if until_ns is None else (until_ns - now_ns()) / 1e9
                if left_s is not None and left_s <= 0:
                    return
                try:
                    async with asyncio.timeout(left_s):
                        item = await queue.get()
                except TimeoutError:
                    return
                if item is None:
                    return
                if _matches(item[1], wanted):
                    yield item[1]
        finally:
            self._readers.discard(queue)

    def numbered(self, after: int | None = None) -> AsyncIterator[tuple[int, Event]]:
        """Every event after number `after` (None: from now). PreconditionFailed when no longer kept."""
        past: list[tuple[int, Event]] = []
        if after is not None and after != self.sequence:
            oldest = self._ring[0][0] if self._ring else self.sequence + 1
            if after + 1 < oldest or after > self.sequence:
                raise PreconditionFailed(f"events after {after} are no longer kept", oldest=oldest)
            past = [item for item in self._ring if item[0] > after]
        return self._numbered(self._subscribe(), past)

    async def _numbered(
        self, queue: asyncio.Queue[tuple[int, Event] | None], past: Sequence[tuple[int, Event]]
    ) -> AsyncIterator[tuple[int, Event]]:
        try:
            for item in past:
                yield item
            while (newer := await queue.get()) is not None:
                yield newer
        finally:
            self._readers.discard(queue)

    def _subscribe(self) -> asyncio.Queue[tuple[int, Event] | None]:
        queue: asyncio.Queue[tuple[int, Event] | None] = asyncio.Queue()
        if self._closed:
            queue.put_nowait(None)
        self._readers.add(queue)
        return queue

    @property
    def readers(self) -> int:
        """How many streams are open (`NEventsListener`)."""
        return len(self._readers)

    def close(self) -> None:
        """End every stream, now and later."""
        self._closed = True
        for queue in self._readers:
            queue.put_nowait(None)
        self._readers.clear()


def _go(text: str) -> str:
    """How Go prints the parsed time in this one message: seconds as given."""
    return text


_ACTORS: Final = ("config", "container", "daemon", "network", "node", "plugin", "secret", "service", "volume")
"""Filters that name an actor. Docker ignores any other."""
_LONG_ACTIONS: Final = frozenset(("exec_create", "exec_start", "health_status"))  # `exec_create: sh -c …`


def _matches(event: Event, filters: Filters) -> bool:
    """Docker's rules. A filter it does not know is no filter."""
    attributes = event["Actor"]["Attributes"]
    for name, values in filters.items():
        if not values:
            continue
        if name == "event":
            if not _action(event["Action"], values):
                return False
        elif name == "type":
            if event["Type"] not in values:
                return False
        elif name == "scope":
            if event["scope"] not in values:
                return False
        elif name == "label":
            if not match_labels(filters, "label", attributes):
                return False
        elif name == "image":
            if not _image(event, values):
                return False
        elif name in _ACTORS:
            # As in Docker the beginning of an id or a name will do, and the kind of the event is not looked at.
            sought = (event["Actor"]["ID"], attributes.get("name", ""))
            if not any(text.startswith(value) for text in sought for value in values):
                return False
    return True


def _action(action: str, values: Sequence[str]) -> bool:
    if _LONG_ACTIONS.intersection(values):
        return any(action.startswith(value) for value in values)
    return action in values


def _image(event: Event, values: Sequence[str]) -> bool:
    """`--filter image=`: the image's own events, and those of containers made from it; a tag may be left out."""
    actor = event["Actor"]
    name = actor["Attributes"].get("name" if event["Type"] == "image" else "image", "")
    return any(text in values for full in (actor["ID"], name) if full for text in (full, _without_tag(full)))


def _without_tag(name: str) -> str:
    try:
        return parse_reference(name).familiar_name
    except Invalid:
        return name


def _instant(text: str) -> int | None:
    """As `parse_timestamp`, but 0 is 1970 here: `since=0` asks for all there is, `until=0` for nothing new."""
    return 0 if text == "0" else parse_timestamp(text)
