"""Why a name was not found, told as Go's resolver tells it."""

from __future__ import annotations

import asyncio
import socket
import struct
from pathlib import Path
from typing import cast

import pytest

from agent.host.lookup import explain_failure


class _Server(asyncio.DatagramProtocol):
    """Answers every question with one code, or not at all."""

    def __init__(self, code: int | None) -> None:
        self._code = code
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        assert data[12:] == b"\x02no\x04such\x04host\0\0\x01\0\x01"
        if self._code is not None:
            counts = struct.pack("!HHHHH", 0x8180 | self._code, 1, 0, 0, 0)
            self.transport.sendto(data[:2] + counts + data[12:], address)


@pytest.mark.parametrize(
    ("code", "told"), [(3, "no such host"), (0, "no such host"), (2, "server misbehaving"), (None, "i/o timeout")]
)
async def test_what_the_server_did(tmp_path: Path, code: int | None, told: str) -> None:
    conf = tmp_path / "resolv.conf"
    conf.write_text("# none of ours\nsearch example.org\nnameserver 127.0.0.1\nnameserver 127.0.0.2\n")
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Server(code), local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    try:
        text = await explain_failure("no.such.host", conf, port=port, patience_s=0.2 if code is None else 30.0)
    finally:
        transport.close()
    assert text.startswith(f"lookup no.such.host on 127.0.0.1:{port}: ")
    assert text.endswith(told)


async def test_nobody_there(tmp_path: Path) -> None:
    conf = tmp_path / "resolv.conf"
    conf.write_text("nameserver 127.0.0.1\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plug:
        plug.bind(("127.0.0.1", 0))
        port = plug.getsockname()[1]
    text = await explain_failure("no.such.host", conf, port=port)
    assert text.endswith("read: connection refused")
