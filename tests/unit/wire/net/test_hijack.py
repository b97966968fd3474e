"""The real server on real sockets, spoken to byte by byte."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import stat
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from wire import errors
from wire.net.asgi import Message, Receive, Scope, Send
from wire.net.hijack import hijacks
from wire.net.request_reader import MAX_HEAD_BYTES
from wire.net.server import Listener, serve, tcp_listener, unix_listener

ATTACH = b"POST /v1.45/containers/web/attach?stream=1 HTTP/1.1\r\nHost: d\r\n"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: tcp\r\n"
OK_101 = b"HTTP/1.1 101 UPGRADED\r\nApi-Version: 1.45\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"


class App:
    """Echoes a hijacked connection with what it saw of its ends; answers ordinary requests with their path."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []
        self.called = asyncio.Event()
        self.ended = asyncio.Event()
        self.release = asyncio.Event()
        self.disconnected = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        self.called.set()
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif "missing" in scope["path"]:
            await send({"type": "websocket.http.response.start", "status": 404, "headers": [(b"content-length", b"2")]})
            await send({"type": "websocket.http.response.body", "body": b"no"})
        elif "boom" in scope["path"]:
            raise RuntimeError("boom")
        else:
            await self._echo(receive, send)
            self.ended.set()

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if "stream" in scope["path"]:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await self._until_disconnect(receive)
            return
        if "slow" in scope["path"]:
            waiting = asyncio.create_task(self._until_disconnect(receive))
            await self.release.wait()
            waiting.cancel()
        body = scope["path"].encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})

    async def _until_disconnect(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.disconnected.set()
        self.release.set()

    async def _echo(self, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept", "headers": [(b"Api-Version", b"1.45")]})
        while True:
            message: Message = await receive()
            if message["type"] == "websocket.receive":
                await send({"type": "websocket.send", "bytes": message["bytes"]})
            elif message["type"] == "websocket.eof":
                await send({"type": "websocket.send", "bytes": b"<eof>"})
                await send({"type": "websocket.close"})
                return
            else:
                return


@pytest.fixture
def app() -> App:
    return App()


@contextlib.asynccontextmanager
async def connected(app: App, listener: Listener, **tls: Any) -> AsyncIterator[tuple[Any, Any]]:
    address = listener.socket.getsockname()
    async with serve(app, [listener], grace_s=0.5):
        if isinstance(address, str):
            reader, writer = await asyncio.open_unix_connection(address)
        else:
            reader, writer = await asyncio.open_connection(*address[:2], **tls)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"POST /containers/a/attach HTTP/1.1\r\n", True),
        (b"POST /v1.24/exec/abc/start HTTP/1.1\r\n", True),
        (b"POST /host/one/v1.45/containers/a/attach?logs=1 HTTP/1.1\r\n", True),
        (b"POST http://localhost/v1.45/exec/abc/start HTTP/1.1\r\n", True),
        (b"POST /session HTTP/1.1\r\n", True),
        (b"POST /env/prod/grpc HTTP/1.1\r\n", True),
        (b"GET /agent/tunnel HTTP/1.1\r\n", True),
        (b"POST /api/v1/session HTTP/1.1\r\n", False),
        (b"GET /containers/a/attach/ws HTTP/1.1\r\n", False),
        (b"GET /containers/a/attach HTTP/1.1\r\n", False),
        (b"POST /containers/a/start HTTP/1.1\r\n", False),
        (b"POST /containers/create?name=/exec/x/start HTTP/1.1\r\n", False),
        (b"POST /containers/a/b/attach HTTP/1.1\r\n", False),
    ],
)
def test_which_first_lines_take_the_connection_over(line: bytes, expected: bool) -> None:
    assert hijacks(line) is expected


async def test_upgrade_echo_half_close_and_input_that_came_early(app: App, tmp_path: Path) -> None:
    async with connected(app, unix_listener(tmp_path / "s")) as (reader, writer):
        writer.write(ATTACH + UPGRADE + b"Content-Length: 0\r\n\r\nearly")
        writer.write_eof()
        assert await reader.read() == OK_101 + b"early<eof>"
    assert app.scopes[0]["extensions"]["hijack"] == {"upgrade": "tcp", "body": b""}
    peer = app.scopes[0]["state"]["peer"]
    assert (peer.kind, peer.uid, peer.pid) == ("unix", os.getuid(), os.getpid())


async def test_the_first_bytes_wait_until_the_head_was_read(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that reads the head through a buffer loses what comes with it."""
    monkeypatch.setattr("wire.net.hijack_connection._HEAD_TAKEN_S", 60.0)
    listener = unix_listener(tmp_path / "s")
    loop = asyncio.get_running_loop()
    async with serve(app, [listener], grace_s=0.5):
        with socket.socket(socket.AF_UNIX) as client:
            client.setblocking(False)
            await loop.sock_connect(client, str(tmp_path / "s"))
            await loop.sock_sendall(client, ATTACH + UPGRADE + b"\r\nhello")
            await app.called.wait()
            await asyncio.sleep(0.05)  # by now the echo would be there
            assert await loop.sock_recv(client, 65536) == OK_101
            assert await loop.sock_recv(client, 65536) == b"hello"


async def test_without_upgrade_header_the_answer_is_200_and_raw(app: App, tmp_path: Path) -> None:
    async with connected(app, unix_listener(tmp_path / "s")) as (reader, writer):
        writer.write(b"POST /exec/e/start HTTP/1.1\r\nHost: d\r\nContent-Length: 2\r\n\r\n{}typed")
        writer.write_eof()
        assert await reader.read() == b"HTTP/1.1 200 OK\r\nApi-Version: 1.45\r\n\r\ntyped<eof>"
    assert app.scopes[0]["extensions"]["hijack"] == {"upgrade": None, "body": b"{}"}


async def test_a_chunked_body_is_taken_whole_and_no_further(app: App, tmp_path: Path) -> None:
    async with connected(app, unix_listener(tmp_path / "s")) as (reader, writer):
        head = b"POST /exec/e/start HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head + b'3\r\n{"a\r\n2;x=y\r\n":\r\n2\r\n1}\r\n0\r\n\r\nrest')
        writer.write_eof()
        assert (await reader.read()).endswith(b"\r\n\r\nrest<eof>")
    assert app.scopes[0]["extensions"]["hijack"]["body"] == b'{"a":1}'


async def test_a_request_that_arrives_byte_by_byte(app: App, tmp_path: Path) -> None:
    async with connected(app, unix_listener(tmp_path / "s")) as (reader, writer):
        for byte in ATTACH + UPGRADE + b"\r\nx":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        writer.write_eof()
        assert await reader.read() == OK_101 + b"x<eof>"


async def test_hijack_on_a_used_keepalive_connection(app: App, tmp_path: Path) -> None:
    async with connected(app, unix_listener(tmp_path / "s")) as (reader, writer):
        for _ in range(2):
            writer.write(b"POST /plain HTTP/1.1\r\nHost: d\r\nContent-Length: 3\r\n\r\nabc")
            assert (await reader.readuntil(b"/plain")).startswith(b"HTTP/1.1 200 OK")
        writer.write(ATTACH + UPGRADE + b"\r\n")
        assert await reader.readexactly(len(OK_101)) == OK_101
        writer.write_eof()
        assert await reader.read() == b"<eof>"


@pytest.mark.parametrize(("agent", "announced"), [(b"docker-sdk-python/7.2", True), (b"Docker-Client/20.10.24", False)])
async def test_refusal_is_an_ordinary_answer(app: App, tmp_path: Path, agent: bytes, announced: bool) -> None:
    async with connected(app, unix_listener(tmp_path / "s")) as (reader, writer):
        writer.write(ATTACH.replace(b"web", b"missing") + UPGRADE + b"User-Agent: " + agent + b"\r\n\r\n")
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 404 Not Found\r\n")
        assert answer.endswith(b"\r\n\r\nno")
        assert (b"connection: close" in answer) is announced  # docker 20.10 would take the error for output


async def test_an_application_that_raises_answers_500_and_closes(app: App, tmp_path: Path) -> None:
    async with connected(app, unix_listener(tmp_path / "s")) as (reader, writer):
        writer.write(ATTACH.replace(b"web", b"boom") + UPGRADE + b"\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 500 ")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (ATTACH + b"Content-Length: 99999999\r\n\r\n", b"400"),
        (ATTACH + b"Content-Length: x\r\n\r\n", b"400"),
        (ATTACH + b"bad header\r\n\r\n", b"400"),
        (ATTACH + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
        (ATTACH + b"Transfer-Encoding: chunked\r\n\r\nfffffff\r\n", b"413"),
        (ATTACH + b"X: " + b"y" * 300_000 + b"\r\n\r\n", b"431"),
    ],
)
async def test_malformed_hijack_requests_are_refused(app: App, tmp_path: Path, request_: bytes, status: bytes) -> None:
    async with connected(app, unix_listener(tmp_path / "s")) as (reader, writer):
        writer.write(request_)
        answer = await reader.read()
        assert answer.split(b" ")[1] == status
        assert b'{"message":' in answer
    assert not app.scopes


@pytest.mark.parametrize("endless", [
    b"DELETE /" + b"a" * 100, b"GET /x HTTP/1.1\r\nHost: d\r\n" + b"X: y\r\n" * 20,
    b"GET /x HTTP/1.1\r\nX: " + b"y" * 100,
    b"POST /slow HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"y" * 100,
], ids=["line", "fields", "field", "trailer"])  # fmt: skip
async def test_a_head_without_end_is_not_kept(app: App, tmp_path: Path, endless: bytes) -> None:
    async with connected(app, unix_listener(tmp_path / "s")) as (reader, writer):
        writer.write(endless)
        more = endless[-12:]
        with contextlib.suppress(OSError):
            for _ in range(2 * MAX_HEAD_BYTES // 1000):
                writer.write(more * 100)
                await writer.drain()
        with contextlib.suppress(OSError):
            assert (await reader.read()).startswith(b"HTTP/1.1 431")
        assert writer.is_closing() or reader.at_eof()


async def test_a_client_that_half_closes_after_an_ordinary_request_gets_its_answer(app: App, tmp_path: Path) -> None:
    async with connected(app, unix_listener(tmp_path / "s")) as (reader, writer):
        writer.write(b"GET /slow HTTP/1.1\r\nHost: d\r\n\r\n")
        writer.write_eof()
        await asyncio.wait_for(app.called.wait(), 60)
        await asyncio.sleep(0.01)
        assert not app.disconnected.is_set()
        app.release.set()
        assert (await reader.read()).endswith(b"/slow")


async def test_a_client_that_goes_away_is_noticed_at_once_on_a_unix_socket(app: App, tmp_path: Path) -> None:
    async with connected(app, unix_listener(tmp_path / "s")) as (_, writer):
        writer.write(b"GET /slow HTTP/1.1\r\nHost: d\r\n\r\n")
        await asyncio.wait_for(app.called.wait(), 60)
        writer.close()
        await asyncio.wait_for(app.disconnected.wait(), 60)


async def test_a_hijacking_client_that_goes_away_ends_the_application(app: App, tmp_path: Path) -> None:
    async with connected(app, unix_listener(tmp_path / "s")) as (reader, writer):
        writer.write(ATTACH + UPGRADE + b"\r\n")
        await reader.readexactly(len(OK_101))
        writer.close()
        await asyncio.wait_for(app.ended.wait(), 60)


async def test_a_large_transfer_both_ways_with_a_reader_that_starts_late(app: App, tmp_path: Path) -> None:
    data = os.urandom(1 << 20) * 8
    async with connected(app, unix_listener(tmp_path / "s")) as (reader, writer):
        writer.write(ATTACH + UPGRADE + b"\r\n")

        async def write() -> None:
            for at in range(0, len(data), 1 << 16):
                writer.write(data[at : at + (1 << 16)])
                await writer.drain()
            writer.write_eof()

        writing = asyncio.create_task(write())
        await asyncio.sleep(0.05)
        received = await reader.read()
        await writing
    assert received == OK_101 + data + b"<eof>"


async def test_the_unix_socket_has_its_rights_and_a_stale_one_is_replaced(app: App, tmp_path: Path) -> None:
    path = tmp_path / "s"
    listener = unix_listener(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    async with serve(app, [listener]):
        with pytest.raises(errors.Conflict, match="another process listens"):
            unix_listener(path)
    unix_listener(path).socket.close()
    regular = tmp_path / "file"
    regular.touch()
    with pytest.raises(errors.Conflict, match="not a socket"):
        unix_listener(regular)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(path), "-out", f"{path}.crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.load_verify_locations(certificate)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def test_half_close_survives_tls(app: App, certificate: Path, tmp_path: Path) -> None:
    """A blocking client, because asyncio's own TLS cannot half-close: close_notify first, output afterwards."""

    async def run() -> None:
        listener = tcp_listener("127.0.0.1", 0, tls=server_context(certificate))
        async with serve(app, [listener], grace_s=0.5):
            answer = await asyncio.to_thread(half_closing_client, listener.socket.getsockname()[1], certificate)
        assert answer == OK_101 + b"typed<eof>"

    asyncio.run(run())
    peer = app.scopes[0]["state"]["peer"]
    assert peer.kind == "tls"
    assert peer.certificate["subject"] == ((("commonName", "localhost"),),)


def half_closing_client(port: int, certificate: Path) -> bytes:
    context = ssl.create_default_context(cafile=str(certificate))
    context.load_cert_chain(certificate)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                connection.sendall(outgoing.read())
                incoming.write(connection.recv(65536))
        tls.write(ATTACH + UPGRADE + b"\r\ntyped")
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.unwrap()  # close_notify: all input was sent
        connection.sendall(outgoing.read())
        encrypted = b""
        while piece := connection.recv(65536):
            encrypted += piece
    incoming.write(encrypted)
    plain = b""
    with contextlib.suppress(ssl.SSLZeroReturnError, ssl.SSLWantReadError):
        while piece := tls.read(65536):
            plain += piece
    return plain


async def test_plain_bytes_on_a_tls_port_are_just_closed(app: App, certificate: Path) -> None:
    async with connected(app, tcp_listener("127.0.0.1", 0, tls=server_context(certificate))) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await asyncio.wait_for(reader.read(), 60)
    assert not app.scopes


async def test_large_answers_pass_tls_unchanged(app: App, certificate: Path) -> None:
    data = os.urandom(1 << 20) * 4
    client = ssl.create_default_context(cafile=str(certificate))
    listener = tcp_listener("127.0.0.1", 0, tls=server_context(certificate))
    async with connected(app, listener, ssl=client) as (reader, writer):
        writer.write(ATTACH + UPGRADE + b"\r\n")
        await reader.readexactly(len(OK_101))
        writing = asyncio.create_task(_write(writer, data))
        assert await reader.readexactly(len(data)) == data
        await writing


async def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


async def test_stopping_ends_streams_at_once_and_lets_work_finish(app: App, tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with serve(app, [unix_listener(path)], grace_s=30):
        slow_reader, slow = await asyncio.open_unix_connection(str(path))
        slow.write(b"GET /slow HTTP/1.1\r\nHost: d\r\n\r\n")
        await asyncio.wait_for(app.called.wait(), 60)
        stream_reader, stream = await asyncio.open_unix_connection(str(path))
        stream.write(b"GET /stream HTTP/1.1\r\nHost: d\r\n\r\n")
        await stream_reader.readuntil(b"\r\n\r\n")
        asyncio.get_running_loop().call_later(0.05, app.release.set)
    assert (await slow_reader.read()).endswith(b"/slow")
    assert await stream_reader.read() == b""
    slow.close()
    stream.close()


@pytest.mark.parametrize("dripped", [b"", b"POST /", b"GET /x HTTP/1.1\r\nHos", ATTACH + b"X: "])
async def test_a_client_that_never_finishes_its_request_is_cut(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dripped: bytes
) -> None:
    monkeypatch.setattr("wire.net.hijack.HEAD_S", 0.05)
    monkeypatch.setattr("wire.net.hijack_connection.HEAD_S", 0.05)
    path = tmp_path / "s"
    async with serve(app, [unix_listener(path)], grace_s=0.5, keep_alive_s=0):
        reader, writer = await asyncio.open_unix_connection(str(path))
        dripping = asyncio.create_task(_drip(writer, dripped))
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 60) == b""
        dripping.cancel()
        writer.close()
    assert not app.scopes


async def _drip(writer: asyncio.StreamWriter, first: bytes) -> None:
    writer.write(first)
    while first:
        await asyncio.sleep(0.01)
        writer.write(b"x")
