"""Answering a registry's challenges: Basic, Bearer tokens (anonymous, by password, by identity token), and logging in.

A token is kept for one operation and one set of scopes, until shortly before it expires. Credentials only go to the
registry that asked or to the realm it named, never along a redirect.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import aiohttp

from agent.images.registry.endpoints import proxy_for
from agent.images.registry.errors import RegistryError, parse_error, unreachable
from agent.ports.images import Credentials
from wire.errors import Internal

__all__ = ["Authorizer", "Challenge", "parse_challenges"]

Tls = bool | ssl.SSLContext
_CLIENT: Final = "docker"
_TOKEN_LIFE_S: Final = 60
_MAX_TOKEN_BYTES: Final = 1 << 20
_PARAMETER = re.compile(r'([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*,?\s*')
_SCHEME = re.compile(r"[\s,]*([A-Za-z0-9_-]+)(?:[\s,]+|$)")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One `WWW-Authenticate` challenge; `scheme` in lower case."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)


def parse_challenges(values: Sequence[str]) -> list[Challenge]:
    """All challenges of the header's values, in order (RFC 9110 section 11.6.1)."""
    found: list[Challenge] = []
    for value in values:
        at = 0
        while at < len(value):
            scheme = _SCHEME.match(value, at)
            if scheme is None:
                break
            at = scheme.end()
            parameters: dict[str, str] = {}
            while parameter := _PARAMETER.match(value, at):
                text = parameter.group(2)
                parameters[parameter.group(1).lower()] = (
                    re.sub(r"\\(.)", r"\1", text) if text is not None else parameter.group(3)
                )
                at = parameter.end()
            found.append(Challenge(scheme.group(1).lower(), parameters))
    return found


class Authorizer:
    """Makes `Authorization` values for one registry during one operation."""

    def __init__(self, session: aiohttp.ClientSession, credentials: Credentials | None) -> None:
        self._session = session
        self._credentials = credentials or Credentials()
        self._challenges: list[Challenge] = []
        self._tokens: dict[tuple[str, ...], tuple[str, float]] = {}
        self.identity_token = ""  # what a login with `offline` brought

    def learn(self, headers: Any) -> bool:
        """Take up the challenges of a 401; whether there is anything to answer with."""
        self._challenges = parse_challenges(headers.getall("WWW-Authenticate", []))
        return bool(self._challenges)

    def forget(self) -> None:
        """The last token was refused."""
        self._tokens.clear()

    async def header(self, scopes: Sequence[str], *, tls: Tls, offline: bool = False) -> str:
        """The value to send for these scopes; "" while nothing was asked for."""
        for challenge in self._challenges:
            if challenge.scheme == "bearer":
                if self._credentials.registry_token:
                    return f"Bearer {self._credentials.registry_token}"
                return f"Bearer {await self._token(challenge, scopes, tls=tls, offline=offline)}"
        for challenge in self._challenges:
            if challenge.scheme == "basic" and self._credentials.username:
                return basic_authorization(self._credentials)
        return ""

    async def _token(self, challenge: Challenge, scopes: Sequence[str], *, tls: Tls, offline: bool) -> str:
        wanted = tuple(sorted({*scopes, *challenge.parameters.get("scope", "").split()} - {""}))
        token, until = self._tokens.get(wanted, ("", 0.0))
        if token and time.monotonic() < until:
            return token
        realm = challenge.parameters.get("realm", "")
        if urlsplit(realm).scheme not in ("http", "https"):
            raise Internal("invalid token endpoint: no valid realm in the registry's challenge")
        service = challenge.parameters.get("service", "")
        if self._credentials.identity_token:
            answer = await self._post(realm, service, wanted, tls=tls)
        else:
            answer = await self._get(realm, service, wanted, tls=tls, offline=offline)
        token = str(answer.get("token") or answer.get("access_token") or "")
        if not token:
            raise Internal("authorization server did not include a token in the response")
        self.identity_token = str(answer.get("refresh_token") or self.identity_token)
        life = answer.get("expires_in")
        life_s = life if isinstance(life, (int, float)) and life >= _TOKEN_LIFE_S else _TOKEN_LIFE_S
        self._tokens[wanted] = (token, time.monotonic() + life_s * 0.9)
        return token

    async def _get(self, realm: str, service: str, scopes: Sequence[str], *, tls: Tls, offline: bool) -> dict[str, Any]:
        query = [("service", service)] if service else []
        query += [("scope", scope) for scope in scopes]
        headers = {}
        if self._credentials.username:
            headers["Authorization"] = basic_authorization(self._credentials)
            query.append(("account", self._credentials.username))
        if offline:
            query += [("offline_token", "true"), ("client_id", _CLIENT)]
        url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}" if query else realm
        return await self._ask("GET", url, tls=tls, headers=headers)

    async def _post(self, realm: str, service: str, scopes: Sequence[str], *, tls: Tls) -> dict[str, Any]:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": self._credentials.identity_token,
            "service": service,
            "scope": " ".join(scopes),
            "client_id": _CLIENT,
        }
        return await self._ask("POST", realm, tls=tls, data=form)

    async def _ask(self, method: str, url: str, *, tls: Tls, **options: Any) -> dict[str, Any]:
        shown = url.partition("?")[0]
        try:
            async with self._session.request(
                method, url, ssl=tls, proxy=proxy_for(url), allow_redirects=False, raise_for_status=False, **options
            ) as response:
                body = await response.content.read(_MAX_TOKEN_BYTES)
                if response.status != 200:
                    raise _refusal(
                        parse_error(response.status, response.reason or "", body, response.headers, method, shown)
                    )
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise unreachable(error, method, shown) from error
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise Internal("unable to decode token response")
        return answer


def _refusal(error: RegistryError) -> RegistryError:
    """A token server that says 401 denies access to the repository: that is what Docker then shows."""
    if error.status == 401 and error.code == "UNAUTHORIZED":
        return RegistryError(error.message, status=401, code="UNAUTHORIZED")
    return error


def basic_authorization(credentials: Credentials) -> str:
    """The value of an `Authorization` header."""
    pair = f"{credentials.username}:{credentials.password}".encode()
    return f"Basic {base64.b64encode(pair).decode('ascii')}"
