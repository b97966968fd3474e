"""A connection that was just accepted is closed with what accepted it, though its task never made a step."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from agent.network.proxy import HeldPort, hold_port
from agent.network.resolver import _NameServer


@pytest.fixture
def accepted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[socket.socket]]:
    """What the sockets of the test's own accept."""
    made: list[socket.socket] = []
    accept = socket.socket.accept

    def accept_and_note(self: socket.socket) -> Any:
        made.append((found := accept(self))[0])
        return found

    monkeypatch.setattr(socket.socket, "accept", accept_and_note)
    yield made
    for one in made:
        one.close()


async def test_by_a_held_port(accepted: list[socket.socket]) -> None:
    held: HeldPort = hold_port("tcp", "127.0.0.1", 0)
    with socket.create_connection(("127.0.0.1", held.port)):
        held._on_tcp()
        held.close()
        await held.wait_closed()
    assert [one.fileno() for one in accepted] == [-1]


async def test_by_a_name_server(accepted: list[socket.socket]) -> None:
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    streams = socket.create_server(("127.0.0.1", 0))
    streams.setblocking(False)
    nothing: Any = None
    server = _NameServer(nothing, nothing, datagrams, streams)
    with socket.create_connection(streams.getsockname()):
        server._on_streams()
        await server.close()
    assert [one.fileno() for one in accepted] == [-1]
    assert server._open_streams == 0
