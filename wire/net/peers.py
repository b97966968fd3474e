"""Who is at the other end of a connection, as far as the connection itself proves it."""

from __future__ import annotations

import asyncio
import fcntl
import select
import socket
import ssl
import struct
import termios
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Peer", "has_unread", "is_hung_up", "peer_of"]

_UCRED = struct.Struct("3i")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Found in `scope["state"]["peer"]` of every request.

    `listener` is the name the listener was given. `uid`, `gid` and `pid` are the kernel's word on a unix socket's
    client; `certificate` is what `SSLSocket.getpeercert` returns for a verified client certificate, empty without one.
    """

    kind: Literal["unix", "tcp", "tls", "tunnel"]
    listener: str = ""
    address: str = ""
    uid: int | None = None
    gid: int | None = None
    pid: int | None = None
    certificate: Mapping[str, Any] = field(default_factory=dict)


def peer_of(transport: asyncio.BaseTransport, listener: str) -> Peer:
    """Return who is at the other end of `transport`."""
    tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is not None and connection.family == socket.AF_UNIX:
        pid, uid, gid = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
        return Peer(kind="unix", listener=listener, pid=pid, uid=uid, gid=gid)
    name = transport.get_extra_info("peername")
    address = f"{name[0]}:{name[1]}" if isinstance(name, tuple) and len(name) >= 2 else ""
    if tls is not None:
        return Peer(kind="tls", listener=listener, address=address, certificate=tls.getpeercert() or {})
    return Peer(kind="tcp", listener=listener, address=address)


def is_hung_up(transport: asyncio.BaseTransport) -> bool:
    """Return whether a unix socket's peer has closed for good, not only shut down its writing side."""
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is None or connection.family != socket.AF_UNIX:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), 0)
    return any(events & (select.POLLHUP | select.POLLERR) for _, events in poll.poll(0))


def has_unread(transport: asyncio.Transport) -> bool:
    """Return whether a unix socket's peer has yet to read some of what was written; False where that cannot be told.

    On a unix socket SIOCOUTQ (which is TIOCOUTQ) counts until the reader has taken it, on TCP only until it has come.
    """
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is None or connection.family != socket.AF_UNIX:
        return False
    if transport.get_write_buffer_size():
        return True
    try:
        (size_bytes,) = struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4)))
    except (OSError, ValueError):  # closed meanwhile
        return False
    return bool(size_bytes)
