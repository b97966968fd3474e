"""What registries and networks answer when they refuse, in the words Docker Engine 26.1 passes on."""

from __future__ import annotations

import asyncio
import errno
import json
import re
import socket
import ssl
from typing import Any

import aiohttp

from agent.host.lookup import LookupFailed
from wire.errors import Internal, MooringError, NotFound
from wire.refs import Reference

__all__ = ["NoCredentials", "RegistryError", "Unreachable", "parse_error", "pull_error", "push_error", "unreachable"]

_BY_STATUS = {
    401: ("UNAUTHORIZED", "authentication required"),
    403: ("DENIED", "requested access to the resource is denied"),
    429: ("TOOMANYREQUESTS", "too many requests"),
}
_ADDRESS = re.compile(r"\('([^']+)', (\d+)")


class RegistryError(Internal):
    """The registry answered with an error. `code` is its word (`DENIED`, `MANIFEST_UNKNOWN`), "" when it had none."""

    def __init__(self, message: str, *, status: int, code: str = "", retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s

    @property
    def is_temporary(self) -> bool:
        return self.status in (408, 429) or self.status >= 500


class Unreachable(Internal):
    """No answer, or one cut short. `wrong_scheme` when TLS was spoken to a plain server."""

    wrong_scheme = False


class NoCredentials(Unreachable):
    """The registry wants a password and there is none; asking again changes nothing."""


def parse_error(status: int, reason: str, body: bytes, headers: Any, method: str, url: str) -> RegistryError:
    """The error of an answer. Docker shows the first of the registry's errors as `code words: message`."""
    retry_after = str(headers.get("Retry-After", ""))
    wait_s = float(retry_after) if retry_after.isdigit() else 0.0
    code = text = ""
    try:
        document = json.loads(body)
        first = (document.get("errors") or [{}])[0] if isinstance(document, dict) else {}
        if isinstance(first, dict) and first.get("code"):
            code = str(first["code"])
            text = f"{code.lower().replace('_', ' ')}: {first.get('message') or code.lower().replace('_', ' ')}"
        elif isinstance(document, dict) and document.get("details"):
            text = str(document["details"])
    except (ValueError, RecursionError):
        pass
    if not code:
        known = _BY_STATUS.get(status)
        if known:
            code = known[0]
            text = f"{code.lower()}: {text or known[1]}"
    if not text:
        shown = body[:200].decode("utf-8", "replace").strip()
        text = f"received unexpected HTTP status: {status} {reason}" if status >= 500 or not shown else (
            f"error parsing HTTP {status} response body: {shown!r}"
        )  # fmt: skip
    return RegistryError(text, status=status, code=code, retry_after_s=wait_s)


def pull_error(error: MooringError, reference: Reference) -> MooringError:
    """Docker's wording of a refused pull; not-found kinds for what is not there or not shown to us."""
    if not isinstance(error, RegistryError):
        return error
    if error.code == "DENIED":
        return NotFound(
            f"pull access denied for {reference.familiar_name}, repository does not exist or may require "
            f"'docker login': {error.message}"
        )
    if error.code == "MANIFEST_UNKNOWN":
        return NotFound(f"manifest for {reference.familiar} not found: {error.message}")
    if error.code == "NAME_UNKNOWN":
        return NotFound(f"repository {reference.familiar_name} not found: {error.message}")
    return Internal(error.message)


def push_error(error: MooringError) -> MooringError:
    """Docker's wording of a refused push."""
    if isinstance(error, NoCredentials):
        return Internal("no basic auth credentials")
    return Internal(error.message) if isinstance(error, RegistryError) else error


def unreachable(error: Exception, method: str, url: str) -> Unreachable:
    """A failed request in Go's words: `Get "URL": dial tcp HOST:PORT: connect: connection refused`."""
    return _with_scheme(Unreachable(f'{method.capitalize()} "{url}": {_reason(error)}'), error)


def _with_scheme(made: Unreachable, error: Exception) -> Unreachable:
    cause = error.__cause__ or error
    made.wrong_scheme = isinstance(error, aiohttp.ClientConnectorSSLError) or isinstance(cause, ssl.SSLError)
    return made


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        cause = error.os_error
        return f"dial tcp: {cause if isinstance(cause, LookupFailed) else f'lookup {error.host}: no such host'}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        detail = str(error.certificate_error)
        if "self-signed" in detail or "unable to get local issuer" in detail:
            return "tls: failed to verify certificate: x509: certificate signed by unknown authority"
        return f"tls: failed to verify certificate: x509: {detail}"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        text = str(error)
        if "WRONG_VERSION_NUMBER" in text or "RECORD_LAYER" in text or "wrong version" in text:
            return "http: server gave HTTP response to HTTPS client"
        return f"tls: {text}"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"dial tcp {_address(error)}: connect: {_words(error.os_error)}"
    if isinstance(error, (TimeoutError, asyncio.TimeoutError)):
        return "net/http: request canceled (Client.Timeout exceeded while awaiting headers)"
    if isinstance(error, (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError)):
        return "unexpected EOF"
    if isinstance(error, OSError) and error.errno:
        return f"read: {_words(error)}"
    return str(error) or type(error).__name__


def _address(error: aiohttp.ClientConnectorError) -> str:
    found = _ADDRESS.search(str(error.os_error))
    host, port = (found.group(1), found.group(2)) if found else (error.host, str(error.port))
    try:
        socket.inet_pton(socket.AF_INET6, host)
        return f"[{host}]:{port}"
    except OSError:
        return f"{host}:{port}"


def _words(error: OSError) -> str:
    known = {
        errno.ECONNREFUSED: "connection refused", errno.ETIMEDOUT: "connection timed out",
        errno.EHOSTUNREACH: "no route to host", errno.ENETUNREACH: "network is unreachable",
        errno.ECONNRESET: "connection reset by peer",
    }.get(error.errno or 0)  # fmt: skip
    if known:
        return known
    return "connection refused" if "Connect call failed" in str(error) else (error.strerror or str(error)).lower()
