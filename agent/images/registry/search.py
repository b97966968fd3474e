"""`docker search`: the default registry's index, or the old search of a private one.

Source: version 1 of the registry's API, which Docker still asks, and the texts of Docker Engine 26.1.
"""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import quote_plus

import aiohttp

from agent.images.registry.auth import basic_authorization
from agent.images.registry.endpoints import Endpoint, Endpoints, proxy_for
from agent.images.registry.errors import Unreachable, unreachable
from agent.ports.images import Credentials
from wire.errors import Internal, Invalid
from wire.refs import DEFAULT_DOMAIN

__all__ = ["search"]

_INDEX: Final = "https://index.docker.io"
_ANSWER_BYTES: Final = 8 << 20
_DEFAULT_LIMIT: Final = 25
_LIMIT_MAX: Final = 100


async def search(
    session: aiohttp.ClientSession,
    endpoints: Endpoints,
    term: str,
    *,
    limit: int = 0,
    credentials: Credentials | None = None,
) -> list[dict[str, Any]]:
    """What the index finds, in Docker's shape. Invalid for a bad term or limit, Internal when it cannot be asked."""
    if "://" in term:
        raise Invalid(f"invalid repository name: repository name ({term}) should not have a scheme")
    limit = limit or _DEFAULT_LIMIT
    if not 1 <= limit <= _LIMIT_MAX:
        raise Invalid(f"limit {limit} is outside the range of [1, {_LIMIT_MAX}]")
    domain, sought = _split(term)
    base = Endpoint(_INDEX) if domain == DEFAULT_DOMAIN else await _find_endpoint(session, endpoints, domain)
    url = f"{base.url}/v1/search?q={quote_plus(sought)}&n={limit}"
    headers = {"X-Docker-Token": "true"}
    if credentials is not None and credentials.username:
        headers["Authorization"] = basic_authorization(credentials)
    try:
        async with session.get(url, ssl=base.tls, proxy=proxy_for(url), headers=headers) as response:
            if response.status != 200:
                raise Internal(f"Unexpected status code {response.status}")
            data = await response.content.read(_ANSWER_BYTES)
    except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
        raise unreachable(error, "Get", url) from error
    try:
        results = json.loads(data).get("results") or []
        return [_shape(result) for result in results]
    except (AttributeError, ValueError, RecursionError) as error:
        raise Internal("error decoding registry search results") from error


def _split(term: str) -> tuple[str, str]:
    """(registry, what is sought there). A first part without dot or port is no registry."""
    first, slash, rest = term.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        return DEFAULT_DOMAIN, term.removeprefix("library/")
    if first in (DEFAULT_DOMAIN, "index.docker.io"):
        return DEFAULT_DOMAIN, rest.removeprefix("library/")
    return first, rest


async def _find_endpoint(session: aiohttp.ClientSession, endpoints: Endpoints, domain: str) -> Endpoint:
    """The first way to reach the registry that answers at all."""
    failures: list[Unreachable] = []
    found = endpoints.push(domain)
    for endpoint in found:
        url = f"{endpoint.url}/v1/_ping"
        try:
            async with session.get(url, ssl=endpoint.tls, proxy=proxy_for(url), allow_redirects=False):
                return endpoint
        except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
            failures.append(unreachable(error, "Get", url))
    if len(found) > 1:
        raise Internal(
            f'invalid registry endpoint "{found[-1].url}/v1/". HTTPS attempt: {failures[0].message}. HTTP attempt: '
            f"{failures[-1].message}"
        )
    raise Internal(
        f"invalid registry endpoint {found[0].url}/v1/: {failures[0].message}. If this private registry supports only "
        f"HTTP or HTTPS with an unknown CA certificate, please add `--insecure-registry {domain}` to the daemon's "
        "arguments. In the case of HTTPS, if you have access to the registry's CA certificate, no need for the flag; "
        f"simply place the CA certificate at /etc/docker/certs.d/{domain}/ca.crt"
    )


def _shape(result: dict[str, Any]) -> dict[str, Any]:
    stars = result.get("star_count")
    return {
        "star_count": stars if isinstance(stars, int) else 0,
        "is_official": result.get("is_official") is True,
        "name": str(result.get("name") or ""),
        "is_automated": False,  # Docker gives none of them any more
        "description": str(result.get("description") or ""),
    }
