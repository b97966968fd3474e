"""TLS that keeps half-close: a protocol layer over `ssl.MemoryBIO`, for servers.

asyncio's and uvloop's own TLS answer a peer's close_notify by closing both directions ("returning true from
eof_received() has no effect when using ssl"). The docker client sends close_notify as soon as it has no stdin to send,
so the output of every `docker exec` would be lost. Here it becomes `eof_received`, as on a plain socket.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, cast

__all__ = ["TlsLayer"]

_READ_BYTES = 256 * 1024
_HANDSHAKE_S = 15.0


class TlsLayer(asyncio.Protocol):
    """The protocol of a raw transport; `inner` sees plain bytes and a transport that encrypts.

    `inner.connection_made` is called after the handshake. A failed or slow handshake just closes the connection.
    """

    def __init__(self, context: ssl.SSLContext, inner: asyncio.Protocol) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._inner = inner
        self._transport: asyncio.Transport | None = None
        self._ready = self._eof = False
        self._deadline: asyncio.TimerHandle | None = None

    def set_inner(self, inner: asyncio.Protocol) -> None:
        """Hand the plain side over to another protocol (an upgrade)."""
        self._inner = inner

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._deadline = asyncio.get_running_loop().call_later(_HANDSHAKE_S, self._transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_deadline()
        if self._ready:
            self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        if self._ready:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._ready:
            self._inner.resume_writing()

    def eof_received(self) -> bool:
        # TCP ended without close_notify: pass it on as end-of-input all the same.
        if self._ready and not self._eof:
            self._eof = True
            return bool(self._inner.eof_received())
        return self._ready

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._incoming.write(data)
        if not self._ready and not self._shake_hands():
            return
        while not self._eof and not self._transport.is_closing():
            try:
                plain = self._tls.read(_READ_BYTES)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                plain = b""
            except ssl.SSLError:
                self._flush()
                self._transport.abort()
                return
            if plain:
                self._inner.data_received(plain)
            else:
                self._eof = True
                if not self._inner.eof_received():
                    self.close()
        self._flush()

    def _shake_hands(self) -> bool:
        assert self._transport is not None
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        except (ssl.SSLError, OSError):
            self._flush()  # the alert says why
            self._transport.close()
            return False
        self._stop_deadline()
        self._flush()
        self._ready = True
        self._inner.connection_made(cast(asyncio.BaseTransport, _TlsTransport(self, self._transport, self._tls)))
        return True

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _flush(self) -> None:
        if self._transport is not None and self._outgoing.pending and not self._transport.is_closing():
            self._transport.write(self._outgoing.read())

    # what the inner side does, through its transport
    def write(self, data: bytes) -> None:
        self._tls.write(data)
        self._flush()

    def write_eof(self) -> None:
        """Send close_notify and the TCP FIN; reading goes on."""
        self._send_close_notify()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()

    def close(self) -> None:
        self._send_close_notify()
        if self._transport is not None:
            self._transport.close()

    def _send_close_notify(self) -> None:
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            pass  # WantRead: the peer's own close_notify has not come; ours is in the outgoing BIO
        self._flush()


class _TlsTransport(asyncio.Transport):
    """What the inner protocol sees: plain writes here, everything else from the raw transport."""

    def __init__(self, layer: TlsLayer, raw: asyncio.Transport, tls: ssl.SSLObject) -> None:
        super().__init__()
        self._layer = layer
        self._raw = raw
        self._tls = tls

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "ssl_object":
            return self._tls
        if name == "sslcontext":
            return self._tls.context
        return self._raw.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if data and not self._raw.is_closing():
            self._layer.write(bytes(data))

    def write_eof(self) -> None:
        self._layer.write_eof()

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None:
        self._layer.close()

    def abort(self) -> None:
        self._raw.abort()

    def is_closing(self) -> bool:
        return self._raw.is_closing()

    def pause_reading(self) -> None:
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        self._raw.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._raw.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        return self._raw.get_write_buffer_size()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._layer.set_inner(cast(asyncio.Protocol, protocol))

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._layer
