"""An HTTP/1.1 request read by hand, for connections whose bytes after the request are not HTTP any more."""

from __future__ import annotations

from typing import Final

import httptools

__all__ = ["MAX_BODY_BYTES", "MAX_HEAD_BYTES", "RequestReader"]

MAX_HEAD_BYTES: Final = 256 * 1024
MAX_BODY_BYTES: Final = 1024 * 1024


class RequestReader:
    """A request's head, and its body by Content-Length or chunks; what follows the body is not touched.

    Raises ValueError for what is not HTTP/1.1, OverflowError for a body that is too large.
    """

    def __init__(self, head: bytes) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.target = b""
        parser = httptools.HttpRequestParser(self)
        try:
            parser.feed_data(head)
        except httptools.HttpParserUpgrade:
            pass
        except httptools.HttpParserError as error:
            raise ValueError(f"malformed request: {error}") from error
        self.method = parser.get_method().decode()
        if self.target.startswith((b"http://", b"https://")):
            url = httptools.parse_url(self.target)
            self.target = url.path + (b"?" + url.query if url.query else b"")
        fields = dict(self.headers)
        tokens = fields.get(b"connection", b"").lower()
        upgrade = fields.get(b"upgrade")
        self.upgrade = upgrade.decode("latin-1") if upgrade and b"upgrade" in tokens else None
        self.expects_continue = fields.get(b"expect", b"").lower() == b"100-continue"
        self.body = bytearray()
        self._chunked = b"chunked" in fields.get(b"transfer-encoding", b"").lower()
        self._chunks = b""
        length = fields.get(b"content-length", b"0")
        if not length.isdigit():
            raise ValueError("malformed request: bad Content-Length")
        self._missing = 0 if self._chunked else int(length)
        if self._missing > MAX_BODY_BYTES:
            raise ValueError(f"request body larger than {MAX_BODY_BYTES} bytes")
        self.complete = not self._chunked and not self._missing

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def feed_body(self, data: bytes) -> bytes | None:
        """Take what belongs to the body; return what follows it, None while it is incomplete."""
        if self._chunked:
            return self._feed_chunks(data)
        self.body += data[: self._missing]
        rest = data[self._missing :]
        self._missing -= len(data) - len(rest)
        self.complete = not self._missing
        return rest if self.complete else None

    def _feed_chunks(self, data: bytes) -> bytes | None:
        self._chunks += data
        while True:
            line_end = self._chunks.find(b"\r\n")
            if line_end < 0:
                if len(self._chunks) > 256:
                    raise ValueError("malformed request: bad chunk size")
                return None
            try:
                size = int(self._chunks[:line_end].partition(b";")[0], 16)
            except ValueError:
                raise ValueError("malformed request: bad chunk size") from None
            if size < 0 or size + len(self.body) > MAX_BODY_BYTES:
                raise OverflowError
            end = line_end + 2 + size
            if len(self._chunks) < end + 2:
                return None
            self.body += self._chunks[line_end + 2 : end]
            self._chunks = self._chunks[end + 2 :]
            if size == 0:  # no trailers: Docker's clients send none
                self.complete = True
                rest, self._chunks = self._chunks, b""
                return rest
