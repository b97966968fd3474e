"""Where a repository is reached: mirrors first for the default registry, plain HTTP only where it was allowed."""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from wire.errors import Internal
from wire.refs import DEFAULT_DOMAIN

__all__ = ["Endpoint", "Endpoints", "proxy_for"]

_CERTIFICATES: Final = Path("/etc/docker/certs.d")  # HOST[:PORT]/*.crt authorities, *.cert and *.key the client's own
_HOST = re.compile(r"[A-Za-z0-9.\[\]:-]+")
_DEFAULT_HOST: Final = "registry-1.docker.io"
_LOOPBACK: Final = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A base URL without a trailing slash. `tls` is what aiohttp takes: true to verify by the system's authorities,
    false to accept any certificate, or a context with authorities and client certificate of this registry's own."""

    url: str
    tls: bool | ssl.SSLContext = True
    mirror: bool = False

    @property
    def is_plain(self) -> bool:
        return self.url.startswith("http:")


def proxy_for(url: str) -> str | None:
    """The proxy the agent's environment names for this URL (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`), as Docker's
    daemon has it from its own. Loopback is never reached through one."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxy = getproxies_environment().get(parts.scheme)
    if not proxy or host == "localhost" or proxy_bypass(parts.netloc):
        return None
    try:
        if any(ipaddress.ip_address(host) in network for network in _LOOPBACK):
            return None
    except (ValueError, TypeError):
        pass
    return proxy if "://" in proxy else f"http://{proxy}"


class Endpoints:
    """Which endpoints a domain has, in the order they are tried; as Docker's registry service."""

    def __init__(
        self, insecure: Sequence[str] = (), mirrors: Sequence[str] = (), certificates: Path = _CERTIFICATES
    ) -> None:
        self._certificates = certificates
        self._hosts = {entry.lower() for entry in insecure if "/" not in entry}
        self._networks = [*_LOOPBACK, *(ipaddress.ip_network(e, strict=False) for e in insecure if "/" in e)]
        self._mirrors = [mirror.rstrip("/") for mirror in mirrors]

    def pull(self, domain: str) -> list[Endpoint]:
        if domain == DEFAULT_DOMAIN:
            mirrors = [Endpoint(url, self._tls(urlsplit(url).netloc), mirror=True) for url in self._mirrors]
            return [*mirrors, Endpoint(f"https://{_DEFAULT_HOST}")]
        return self.push(domain)

    def push(self, domain: str) -> list[Endpoint]:
        """Never a mirror."""
        if domain == DEFAULT_DOMAIN:
            return [Endpoint(f"https://{_DEFAULT_HOST}")]
        if self.is_insecure(domain):
            return [Endpoint(f"https://{domain}", self._tls(domain)), Endpoint(f"http://{domain}")]
        return [Endpoint(f"https://{domain}", self._tls(domain))]

    def is_insecure(self, domain: str) -> bool:
        """Loopback addresses and `localhost`, hosts and networks that were configured. Names are not looked up: who
        controls a name must not decide that its certificate is not checked."""
        if domain.lower() in self._hosts:
            return True
        host = urlsplit(f"//{domain}").hostname or ""
        if host == "localhost" or host in self._hosts:
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self._networks if network.version == address.version)

    def _tls(self, domain: str) -> bool | ssl.SSLContext:
        """Read at each operation, as Docker does, so that a renewed certificate needs no restart."""
        context: ssl.SSLContext | None = None
        directory = self._certificates / domain
        if _HOST.fullmatch(domain) and directory.is_dir():
            context = ssl.create_default_context()
            try:
                for path in sorted(directory.glob("*.crt")):
                    context.load_verify_locations(path)
                for path in sorted(directory.glob("*.cert")):
                    context.load_cert_chain(path, path.with_suffix(".key"))
            except OSError as error:
                raise Internal(f"could not read the certificates in {directory}: {error}") from error
        if not self.is_insecure(domain):
            return context or True
        if context is None:
            return False
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
