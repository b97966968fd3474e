"""Joining a control plane, and the credential that is kept for it (`credential.json`, mode 0600)."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import msgspec

from agent.host.facts import Usage
from agent.host.files import write_atomic
from wire import errors
from wire.httpstatus import error_for_status

__all__ = ["Credential", "enrol", "find_credential"]

_TIMEOUT_S = 30.0


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """What a joined host keeps. `authority_pem` is the certificate authority to trust, "" the system's."""

    url: str
    host_id: str
    name: str
    credential: str
    authority_pem: str = ""

    def __repr__(self) -> str:
        return f"Credential(url={self.url!r}, host_id={self.host_id!r}, name={self.name!r})"


class _Enrolled(msgspec.Struct):
    host_id: str
    name: str
    credential: str


def find_credential(path: Path) -> Credential | None:
    """Return what `enrol` kept at `path`; None before. Raises Invalid when the file is damaged."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Credential)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise errors.Invalid(f"{path} is damaged ({error}); remove it and join again") from error


def enrol(url: str, token: str, name: str, facts: Usage, path: Path, *, authority_pem: str = "") -> Credential:
    """Give up a single-use token for this host's own credential and keep it at `path`. Blocking.

    Raises what the plane answers (Unauthenticated for a wrong, used or expired token), Unavailable when it cannot be
    reached.
    """
    url = url.rstrip("/")
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise errors.Invalid(f"not a URL of a control plane: {url}")
    body = json.dumps({"token": token, "name": name, "facts": dict(facts)}).encode()
    request = urllib.request.Request(
        f"{url}/agent/v1/enroll", data=body, headers={"Content-Type": "application/json"}, method="POST"
    )
    context = ssl.create_default_context(cadata=authority_pem or None) if url.startswith("https") else None
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S, context=context) as answer:
            enrolled = msgspec.json.decode(answer.read(), type=_Enrolled)
    except urllib.error.HTTPError as error:
        raise error_for_status(error.code, _message(error.read(), error.reason)) from None
    except OSError as error:
        raise errors.Unavailable(f"{url} cannot be reached: {getattr(error, 'reason', error)}") from None
    except msgspec.MsgspecError as error:
        raise errors.Internal(f"{url} is no control plane of this kind: {error}") from None
    credential = Credential(
        url=url,
        host_id=enrolled.host_id,
        name=enrolled.name,
        credential=enrolled.credential,
        authority_pem=authority_pem,
    )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomic(path, msgspec.json.encode(credential), mode=0o600)
    return credential


def _message(body: bytes, fallback: str) -> str:
    """The plane's words: `{"error": {"message": …}}` or `{"message": …}`."""
    try:
        document = json.loads(body)
        error = document.get("error", document)
        return str(error.get("message") or error.get("what") or fallback)
    except (ValueError, AttributeError):
        return fallback
