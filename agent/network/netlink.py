"""Netlink messages and sockets: just enough of rtnetlink(7) and nfnetlink, encoded by hand.

The kernel does the whole work of a request inside `send()`, under locks that another program may hold for tens of
milliseconds. Nothing here may therefore be used on the event loop; `worker` owns the thread.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Final, Self

__all__ = [
    "NETLINK_NETFILTER", "NETLINK_ROUTE", "NLM_F_CREATE", "NLM_F_DUMP", "NLM_F_EXCL", "NLM_F_REPLACE", "Message",
    "NetlinkSocket", "attribute", "iter_attributes", "nested", "text",
]  # fmt: skip

NETLINK_ROUTE: Final = 0
NETLINK_NETFILTER: Final = 12

NLM_F_REQUEST: Final = 0x1
NLM_F_ACK: Final = 0x4
NLM_F_DUMP: Final = 0x300
NLM_F_REPLACE: Final = 0x100
NLM_F_EXCL: Final = 0x200
NLM_F_CREATE: Final = 0x400
_NLMSG_ERROR: Final = 2
_NLMSG_DONE: Final = 3
_NLA_F_NESTED: Final = 0x8000
_NLA_TYPE_MASK: Final = 0x3FFF
_BATCH_BEGIN: Final = 0x10
_BATCH_END: Final = 0x11
_SOL_NETLINK: Final = 270
_NETLINK_EXT_ACK: Final = 11
_NLM_F_ACK_TLVS: Final = 0x200
_NLM_F_CAPPED: Final = 0x100
_NLMSGERR_ATTR_MSG: Final = 1

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")


def attribute(kind: int, payload: bytes) -> bytes:
    """One attribute, padded."""
    length = 4 + len(payload)
    return _ATTRIBUTE.pack(length, kind) + payload + bytes(-length & 3)


def nested(kind: int, *attributes: bytes) -> bytes:
    """An attribute that holds attributes."""
    return attribute(kind | _NLA_F_NESTED, b"".join(attributes))


def text(kind: int, value: str) -> bytes:
    """A zero-terminated string attribute."""
    return attribute(kind, value.encode() + b"\0")


def iter_attributes(payload: bytes | memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield (type, value) of each attribute; a broken tail ends it."""
    view = memoryview(payload)
    offset = 0
    while offset + 4 <= len(view):
        length, kind = _ATTRIBUTE.unpack_from(view, offset)
        if length < 4 or offset + length > len(view):
            return
        yield kind & _NLA_TYPE_MASK, view[offset + 4 : offset + length]
        offset += (length + 3) & ~3


class Message:
    """A request: message type, flags, fixed part and attributes. `what` names it in an error."""

    __slots__ = ("flags", "kind", "payload", "what")

    def __init__(self, kind: int, flags: int, payload: bytes, what: str) -> None:
        self.kind = kind
        self.flags = flags
        self.payload = payload
        self.what = what


class NetlinkSocket:
    """A socket in the network namespace of the thread that makes it. Used by one thread; close it (or use `with`)."""

    def __init__(self, family: int = NETLINK_ROUTE) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, family)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_EXT_ACK, 1)
        self._socket.settimeout(30)
        self._sequence = 0

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _frame(self, message: Message, flags: int) -> bytes:
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        length = 16 + len(message.payload)
        head = _HEADER.pack(length, message.kind, message.flags | flags | NLM_F_REQUEST, self._sequence, 0)
        return head + message.payload + bytes(-length & 3)

    def request(self, *messages: Message) -> None:
        """Send requests in one call and await every acknowledgement.

        The kernel goes on after a failed request; the OSError raised is the first one's, after all were answered.
        """
        first = self._sequence + 1
        self._socket.send(b"".join(self._frame(message, NLM_F_ACK) for message in messages))
        self._acknowledged(first, messages)

    def batch(self, subsystem: int, *messages: Message) -> None:
        """Send nfnetlink requests as one transaction; OSError of the first that failed, then none was done."""
        mark = struct.pack("=BB", socket.AF_UNSPEC, 0) + struct.pack("!H", subsystem)
        begin = self._frame(Message(_BATCH_BEGIN, 0, mark, ""), 0)
        first = self._sequence + 1
        frames = [self._frame(message, NLM_F_ACK) for message in messages]
        end = self._frame(Message(_BATCH_END, 0, mark, ""), 0)
        self._socket.send(b"".join([begin, *frames, end]))
        self._acknowledged(first, messages)

    def _acknowledged(self, first: int, messages: Sequence[Message]) -> None:
        failure: OSError | None = None
        answered = 0
        while answered < len(messages):
            for kind, flags, sequence, payload in self._receive():
                if kind != _NLMSG_ERROR or not first <= sequence < first + len(messages):
                    continue
                answered += 1
                if failure is None:
                    failure = _failure(payload, flags, messages[sequence - first].what)
        if failure is not None:
            raise failure

    def ask(self, message: Message) -> list[tuple[int, bytes]]:
        """Send one request (a dump when its flags say so); return (message type, payload) of every answer."""
        dump = bool(message.flags & NLM_F_DUMP == NLM_F_DUMP)
        self._socket.send(self._frame(message, 0 if dump else NLM_F_ACK))
        wanted = self._sequence
        answers: list[tuple[int, bytes]] = []
        while True:
            for kind, flags, sequence, payload in self._receive():
                if sequence != wanted:
                    continue
                if kind in (_NLMSG_ERROR, _NLMSG_DONE):
                    failure = _failure(payload, flags, message.what)
                    if failure is not None:
                        raise failure
                    return answers
                answers.append((kind, payload))

    def _receive(self) -> Iterator[tuple[int, int, int, bytes]]:
        data = self._socket.recv(1 << 17)
        offset = 0
        while offset + 16 <= len(data):
            length, kind, flags, sequence, _ = _HEADER.unpack_from(data, offset)
            if length < 16:
                return
            yield kind, flags, sequence, data[offset + 16 : offset + length]
            offset += (length + 3) & ~3


def _failure(payload: bytes, flags: int, what: str) -> OSError | None:
    """The OSError of an acknowledgement with the kernel's own words, None for success."""
    number = -struct.unpack_from("=i", payload)[0] if len(payload) >= 4 else 0
    if number <= 0:
        return None
    said = ""
    if flags & _NLM_F_ACK_TLVS and len(payload) >= 20:
        inner = struct.unpack_from("=I", payload, 4)[0]
        start = 20 if flags & _NLM_F_CAPPED else 4 + ((inner + 3) & ~3)
        for kind, value in iter_attributes(memoryview(payload)[start:]):
            if kind == _NLMSGERR_ATTR_MSG:
                said = f" ({bytes(value).rstrip(bytes(1)).decode(errors='replace')})"
    return OSError(number, os.strerror(number) + said, what)
