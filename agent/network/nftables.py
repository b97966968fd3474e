"""libnftables through ctypes: a ruleset text in, nothing or the library's own words out.

One context per network namespace and thread: it keeps a netlink socket of the namespace it was made in. The library
waits on it with `select(2)`, which aborts the process for a descriptor of 1024 or more: make a context early.
"""

from __future__ import annotations

import ctypes
import functools
import os
from types import TracebackType
from typing import Final, Self

from agent.network.foreign_sets import find_deadly_set
from agent.network.netlink import NETLINK_NETFILTER, NetlinkSocket
from wire.errors import Internal

__all__ = ["NftError", "Nftables", "available"]


_HIGHEST_DESCRIPTOR: Final = 1000
_JSON: Final = 1 << 4  # NFT_CTX_OUTPUT_JSON


class NftError(Internal):
    """The library or the kernel refused; the text is the library's."""


@functools.cache
def _library() -> ctypes.CDLL:
    """Load libnftables (1 to 2 ms, once). OSError when the host does not have it."""
    library = ctypes.CDLL("libnftables.so.1")
    library.nft_ctx_new.restype = ctypes.c_void_p
    library.nft_ctx_new.argtypes = [ctypes.c_uint32]
    library.nft_ctx_get_error_buffer.restype = ctypes.c_char_p
    library.nft_ctx_get_output_buffer.restype = ctypes.c_char_p
    for name in (
        "nft_ctx_free", "nft_ctx_get_error_buffer", "nft_ctx_get_output_buffer", "nft_ctx_buffer_error",
        "nft_ctx_buffer_output",
    ):  # fmt: skip
        getattr(library, name).argtypes = [ctypes.c_void_p]
    library.nft_ctx_output_set_flags.argtypes = [ctypes.c_void_p, ctypes.c_uint]
    library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    return library


def available() -> str:
    """Return "" when libnftables can be loaded, else why not."""
    try:
        _library()
    except OSError as error:
        return str(error)
    return ""


class Nftables:
    """A library context of the calling thread's network namespace. Close it, or use `with`."""

    def __init__(self) -> None:
        self._library = _library()
        with open(os.devnull, "rb") as probe:  # the library's socket gets this number or one close to it
            if probe.fileno() >= _HIGHEST_DESCRIPTOR:
                raise NftError("too many open files for libnftables: it cannot use a descriptor above 1023")
        self._context: int | None = self._library.nft_ctx_new(0)
        if not self._context:
            raise NftError("nft_ctx_new failed")
        self._library.nft_ctx_buffer_error(self._context)
        self._library.nft_ctx_buffer_output(self._context)
        # later versions, which read all sets, are told by a function that 1.0.6 has not
        old = not hasattr(self._library, "nft_ctx_input_set_flags")
        self._netfilter = NetlinkSocket(NETLINK_NETFILTER) if old else None

    def close(self) -> None:
        """Safe to repeat."""
        if self._context:
            self._library.nft_ctx_free(self._context)
            self._context = None
            if self._netfilter is not None:
                self._netfilter.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run_json(self, commands: str) -> str:
        """As `run`, with the output as JSON."""
        self._library.nft_ctx_output_set_flags(self._context, _JSON)
        try:
            return self.run(commands)
        finally:
            self._library.nft_ctx_output_set_flags(self._context, 0)

    def run(self, commands: str) -> str:
        """Apply `commands` as one transaction and return what they printed. NftError: nothing was changed."""
        if self._netfilter is not None and (deadly := find_deadly_set(self._netfilter)):
            raise NftError(
                f"the firewall has a set ({deadly}) of a newer nft, which this host's libnftables cannot read: "
                "remove its table, or install a newer libnftables1"
            )
        if self._library.nft_run_cmd_from_buffer(self._context, commands.encode()):
            message = (self._library.nft_ctx_get_error_buffer(self._context) or b"").decode(errors="replace").strip()
            raise NftError(message or "nft refused without a word")
        return str((self._library.nft_ctx_get_output_buffer(self._context) or b"").decode(errors="replace"))
