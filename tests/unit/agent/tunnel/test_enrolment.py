"""Joining a small control plane of the test's own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agent.tunnel.enrolment import enrol, find_credential
from wire import errors
from wire.net.asgi import Receive, Scope, Send
from wire.net.server import serve, tcp_listener


@contextlib.asynccontextmanager
async def plane(status: int, document: Any) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    seen: list[dict[str, Any]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message["more_body"]:
                break
        seen.append({"path": scope["path"], **json.loads(body)})
        answer = json.dumps(document).encode()
        headers = [(b"content-length", b"%d" % len(answer)), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    listener = tcp_listener("127.0.0.1", 0)
    async with serve(app, [listener], grace_s=0.2):
        yield f"http://127.0.0.1:{listener.socket.getsockname()[1]}/", seen


async def test_joining_keeps_the_credential_for_root_only(tmp_path: Path) -> None:
    path = tmp_path / "agent" / "credential.json"
    assert find_credential(path) is None
    async with plane(201, {"host_id": "h1", "name": "web-1", "credential": "s3cret", "more": 1}) as (url, seen):
        joined = await asyncio.to_thread(enrol, url, "tok", "web", {"cpus": 2}, path)
    assert seen == [{"path": "/agent/v1/enroll", "token": "tok", "name": "web", "facts": {"cpus": 2}}]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert find_credential(path) == joined
    assert joined.url == url.rstrip("/")
    assert "s3cret" not in repr(joined)


@pytest.mark.parametrize(
    ("status", "document", "kind", "text"),
    [
        (401, {"error": {"message": "This token was used."}}, errors.Unauthenticated, "This token was used."),
        (409, {"message": "name taken"}, errors.Conflict, "name taken"),
        (200, {"unexpected": True}, errors.Internal, "no control plane of this kind"),
    ],
)
async def test_a_refused_token_keeps_nothing(
    tmp_path: Path, status: int, document: Any, kind: type[errors.MooringError], text: str
) -> None:
    path = tmp_path / "credential.json"
    async with plane(status, document) as (url, _):
        with pytest.raises(kind, match=text):
            await asyncio.to_thread(enrol, url, "tok", "web", {}, path)
    assert not path.exists()


def test_a_damaged_credential_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "credential.json"
    path.write_text("{")
    with pytest.raises(errors.Invalid, match="join again"):
        find_credential(path)


def test_a_plane_that_cannot_be_reached(tmp_path: Path) -> None:
    with pytest.raises(errors.Unavailable, match="cannot be reached"):
        enrol("http://127.0.0.1:1", "tok", "web", {}, tmp_path / "c")
    with pytest.raises(errors.Invalid):
        enrol("ftp://x", "tok", "web", {}, tmp_path / "c")
