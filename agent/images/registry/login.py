"""Trying credentials (`docker login`) and looking at what a registry has without pulling it."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from agent.images.configs import parse_config
from agent.images.registry.client import RegistryClient, connect
from agent.images.registry.endpoints import Endpoint, Endpoints, proxy_for
from agent.images.registry.errors import RegistryError, Unreachable, unreachable
from agent.images.registry.manifests import Index, parse_manifest
from agent.ports.images import Credentials
from wire.errors import Internal, MooringError, NotFound, Unauthenticated
from wire.refs import DEFAULT_DOMAIN, parse_reference

__all__ = ["check_login", "inspect_distribution"]

_HUB: Final = frozenset({"", "https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io"})
_CONFIG_BYTES: Final = 8 << 20


def _domain_of(server_address: str) -> str:
    if server_address in _HUB:
        return DEFAULT_DOMAIN
    if "://" in server_address:
        return urlsplit(server_address).netloc
    return server_address.partition("/")[0]


async def check_login(session: aiohttp.ClientSession, endpoints: Endpoints, credentials: Credentials) -> str:
    """Ask `/v2/` with these credentials; returns the identity token the registry gave, or "".

    Unauthenticated in Docker's words when they are refused.
    """
    failure: MooringError | None = None
    for endpoint in endpoints.push(_domain_of(credentials.server_address)):
        try:
            return await _try(session, endpoint, credentials)
        except Unreachable as error:
            failure = error
    assert failure is not None
    raise failure


async def _try(session: aiohttp.ClientSession, endpoint: Endpoint, credentials: Credentials) -> str:
    client = RegistryClient(session, endpoint, credentials)
    await client.ping()
    url = f"{endpoint.url}/v2/"
    try:
        authorization = await client.authorizer.header([], tls=endpoint.tls, offline=True)
    except RegistryError as error:
        if error.status == 401:
            raise Unauthenticated(f'Get "{url}": {error.message}') from error
        raise
    headers = {"Authorization": authorization} if authorization else {}
    try:
        async with session.get(
            url, headers=headers, ssl=endpoint.tls, proxy=proxy_for(url), allow_redirects=False
        ) as response:
            if response.status == 200:
                return client.authorizer.identity_token
            status = f"{response.status} {response.reason}"
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise unreachable(error, "Get", url) from error
    if response.status == 401:
        raise Unauthenticated(f"login attempt to {url} failed with status: {status}")
    raise Internal(f"login attempt to {url} failed with status: {status}")


async def inspect_distribution(
    session: aiohttp.ClientSession, endpoints: Endpoints, ref: str, credentials: Credentials | None
) -> dict[str, object]:
    """Docker's `/distribution/{name}/json`: the descriptor of what the reference names, and its platforms."""
    reference = parse_reference(ref).with_default_tag()
    try:
        client = await connect(session, endpoints.pull(reference.domain), credentials)
        fetched = await client.get_manifest(reference, reference.digest or reference.tag)
        document = parse_manifest(fetched.data, fetched.media_type)
        platforms: list[dict[str, Any]] = []
        if isinstance(document, Index):
            platforms = [dict(entry["platform"]) for entry in document.manifests if entry.get("platform")]
        else:
            data = await client.get_small_blob(reference, document.config.digest, _CONFIG_BYTES)
            config, _, _ = parse_config(data)
            keys = {"architecture": "architecture", "os": "os", "os.version": "os.version", "variant": "variant"}
            platforms = [{key: config[source] for key, source in keys.items() if config.get(source)}]
    except RegistryError as error:  # as it came: nothing was to be pulled
        if error.status == 404:
            raise NotFound(error.message) from error
        raise Internal(error.message) from error
    descriptor = {"mediaType": document.media_type, "digest": fetched.digest, "size": len(fetched.data)}
    return {"Descriptor": descriptor, "Platforms": platforms}
