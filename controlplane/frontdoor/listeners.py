"""Where the plane listens: the unix socket, the plain TCP port, and a TLS port when it has a certificate."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path

from django.conf import settings

from wire.net.server import Listener, tcp_listener, unix_listener

__all__ = ["Certificate", "listeners"]

logger = logging.getLogger(__name__)
LOOK_EVERY_S = 30.0


class Certificate:
    """A certificate chain and its key on disk. Renewed files are used for new connections within half a minute; `watch`
    is owned by the process's lifespan. Raises OSError or ssl.SSLError when they cannot be used."""

    def __init__(self, chain: Path, key: Path) -> None:
        self._chain, self._key = chain, key
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)  # TLS 1.2 and newer
        self._seen = self._state()
        self.context.load_cert_chain(chain, key)

    def _state(self) -> tuple[int, int]:
        return self._chain.stat().st_mtime_ns, self._key.stat().st_mtime_ns

    def reload(self) -> bool:
        """Load the files again if they have changed; keep the old ones when the new ones are not good (yet)."""
        try:
            state = self._state()
            if state == self._seen:
                return False
            # Tried on a context of its own first: half-written files must not end up in the one in use.
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(self._chain, self._key)
            self.context.load_cert_chain(self._chain, self._key)
        except (OSError, ssl.SSLError) as error:
            logger.warning("tls.not_reloaded file=%s error=%s", self._chain, error)
            return False
        self._seen = state
        logger.info("tls.reloaded file=%s", self._chain)
        return True

    async def watch(self) -> None:
        """Look for renewed files for ever."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await asyncio.to_thread(self.reload)


def listeners() -> tuple[list[Listener], Certificate | None]:
    """Bind everything the settings name. Raises OSError for an address in use."""
    bound = [
        unix_listener(settings.MOORING_ENGINE_SOCKET, mode=0o660, name="engine"),
        tcp_listener(settings.MOORING_LISTEN_ADDRESS, settings.MOORING_PORT, name="public"),
    ]
    if not settings.MOORING_TLS_CERTIFICATE:
        return bound, None
    certificate = Certificate(Path(settings.MOORING_TLS_CERTIFICATE), Path(settings.MOORING_TLS_KEY))
    address, port = settings.MOORING_TLS_LISTEN_ADDRESS, settings.MOORING_TLS_PORT
    bound.append(tcp_listener(address, port, tls=certificate.context, name="tls"))
    return bound, certificate
