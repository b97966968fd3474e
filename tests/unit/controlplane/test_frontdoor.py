"""What comes in before anybody is known: bodies without an end, what proxies say, origins, certificates."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, override_settings

from controlplane.frontdoor import bodies
from controlplane.frontdoor.authentication import peer_address
from controlplane.frontdoor.bodies import read_whole
from controlplane.frontdoor.dispatch import Dispatch
from controlplane.frontdoor.listeners import Certificate
from controlplane.frontdoor.proxies import believe_proxy
from controlplane.streams.access import is_own_origin
from wire.errors import Exhausted, Timeout
from wire.net.peers import Peer


def scope(*headers: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {
        "type": "http", "method": "POST", "path": "/api/v1/session", "scheme": "http",
        "headers": [(name.encode(), value.encode()) for name, value in headers],
        "state": {"peer": Peer(kind="tcp", address="127.0.0.1:5000")}, **more,
    }  # fmt: skip


def pieces(*sizes: int, ends: bool = True) -> Callable[[], Any]:
    """A client that sends so many bytes at a time and then, unless it `ends`, no more."""
    left = list(sizes)

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.Event().wait()
        size = left.pop(0)
        return {"type": "http.request", "body": b"x" * size, "more_body": bool(left) or not ends}

    return receive


CHUNKED = ("transfer-encoding", "chunked")


async def test_a_body_is_given_in_one_piece() -> None:
    receive = await read_whole(scope(CHUNKED), pieces(3, 4), 10)
    assert await receive() == {"type": "http.request", "body": b"x" * 7, "more_body": False}


async def test_a_body_without_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "DRAIN_S", 0.01)
    monkeypatch.setattr(bodies, "BODY_S", 0.05)
    with pytest.raises(Exhausted):
        await read_whole(scope(CHUNKED), pieces(6, 6, ends=False), 10)
    with pytest.raises(Exhausted):
        await read_whole(scope(("content-length", "11")), pieces(ends=False), 10)
    with pytest.raises(Timeout):
        await read_whole(scope(CHUNKED), pieces(1, ends=False), 10)


async def test_the_dashboard_is_not_reached_by_such_a_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "DRAIN_BYTES", 1)
    reached, sent = [], []

    async def dashboard(*_: Any) -> None:
        reached.append(True)

    async def send(message: Any) -> None:
        sent.append(message)

    app = Dispatch(dashboard=dashboard, sockets=dashboard)
    await app(scope(CHUNKED), pieces(*[1 << 20] * 4, ends=False), send)
    assert (reached, sent[0]["status"]) == ([], 413)
    assert (b"connection", b"close") in sent[0]["headers"]
    await app(scope(CHUNKED), pieces(10), send)
    assert reached == [True]


@pytest.mark.parametrize(("trusted", "told", "found"), [
    (False, "9.9.9.9", "127.0.0.1"), (True, "9.9.9.9", "9.9.9.9"), (True, "6.6.6.6, 2001:db8::1", "2001:db8::1"),
    (True, "nonsense", "127.0.0.1"), (True, "", "127.0.0.1"),
])  # fmt: skip
def test_only_a_trusted_proxy_names_its_client(trusted: bool, told: str, found: str) -> None:
    asked = scope(("x-forwarded-for", told))
    with override_settings(MOORING_TRUST_PROXY=trusted):
        believe_proxy(asked)
    assert peer_address(asked["state"]["peer"]) == found


@pytest.mark.parametrize(("origin", "host", "scheme", "own"), [
    ("https://plane.example", "plane.example", "wss", True), ("http://plane.example", "plane.example", "wss", False),
    ("http://plane.example", "plane.example", "ws", True), ("http://[::1]", "[::1]", "ws", True),
    ("https://plane.example:8443", "plane.example:8443", "wss", True), ("https://evil", "plane.example", "wss", False),
    ("null", "plane.example", "wss", False),
])  # fmt: skip
def test_whose_page_opens_a_socket(origin: str, host: str, scheme: str, own: bool) -> None:
    with override_settings(ALLOWED_HOSTS=["plane.example", "[::1]"]):
        assert is_own_origin(scope(("origin", origin), ("host", host), scheme=scheme)) is own


def make_certificate(directory: Path, name: str) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout", str(directory / "key.pem"),
         "-out", str(directory / "chain.pem")],
        check=True, capture_output=True,
    )  # fmt: skip


def shown(context: ssl.SSLContext, name: str) -> bool:
    """Whether a client that knows the certificate on disk takes what the server shows for `name`."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    client = CLIENT.wrap_bio(to_client, to_server, server_hostname=name)
    for side in (client, server, client, server) * 2:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    certificate = client.getpeercert(binary_form=True)
    return certificate is not None and name.encode() in certificate


CLIENT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
CLIENT.check_hostname, CLIENT.verify_mode = False, ssl.CERT_NONE


def test_a_renewed_certificate_is_shown_and_half_a_one_is_not(tmp_path: Path) -> None:
    make_certificate(tmp_path, "old.example")
    certificate = Certificate(tmp_path / "chain.pem", tmp_path / "key.pem")
    assert shown(certificate.context, "old.example")
    assert not certificate.reload()
    old_key = (tmp_path / "key.pem").read_bytes()
    make_certificate(tmp_path, "new.example")
    new_key = (tmp_path / "key.pem").read_bytes()
    (tmp_path / "key.pem").write_bytes(old_key)  # the chain is written, its key not yet
    assert not certificate.reload()
    assert shown(certificate.context, "old.example")
    (tmp_path / "key.pem").write_bytes(new_key)
    os.utime(tmp_path / "key.pem", ns=(1, 1))
    assert certificate.reload()
    assert shown(certificate.context, "new.example")


@pytest.mark.django_db
def test_a_body_that_nests_without_end_is_a_bad_request(client: Client) -> None:
    answer = client.post("/agent/v1/enroll", "[" * 100_000, content_type="application/json")
    assert answer.status_code == 400
