"""Sets in the firewall that would end this process if an old libnftables read them.

libnftables reads every set of every table before it changes anything, the notes of the program that made the set among
them. From 1.1 on those notes tell the type of a plain set in a form that 1.0.6 (Debian 12) follows through a null
pointer. A container on the host's network that brings a newer `nft` is enough to make one. The kernel is therefore
asked first, without the library.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from agent.network.netlink import NLM_F_DUMP, Message, NetlinkSocket, iter_attributes

__all__ = ["find_deadly_set", "is_deadly"]

_GET_SETS: Final = (10 << 8) | 10  # NFNL_SUBSYS_NFTABLES, NFT_MSG_GETSET
_TABLE, _NAME, _USERDATA = 1, 2, 13  # NFTA_SET_…
_TYPE_OF_KEY, _TYPE_OF_DATA = 3, 4  # of the notes: NFTNL_UDATA_SET_…_TYPEOF
_EXPRESSION: Final = 0
_NAMED_TYPE: Final = 4  # the kind of expression that newer ones write for `type …`
_MARK: Final = bytes((_EXPRESSION, 4)) + struct.pack("=I", _NAMED_TYPE)  # in every deadly note: parse no others


def find_deadly_set(netfilter: NetlinkSocket) -> str:
    """`table set` of the first such set in the socket's network namespace, "" without one. Well below a millisecond."""
    whole = Message(_GET_SETS, NLM_F_DUMP, struct.pack("=BBH", 0, 0, 0), "list firewall sets")
    for _, payload in netfilter.ask(whole):
        if _MARK not in payload:
            continue
        found = {kind: bytes(value) for kind, value in iter_attributes(payload[4:])}
        if is_deadly(found.get(_USERDATA, b"")):
            return " ".join(found.get(kind, b"").rstrip(b"\0").decode(errors="replace") for kind in (_TABLE, _NAME))
    return ""


def is_deadly(notes: bytes) -> bool:
    """Whether the notes of a set tell a type in the newer form."""
    for kind, value in _iter_notes(notes):
        if kind in (_TYPE_OF_KEY, _TYPE_OF_DATA):
            expression = dict(_iter_notes(value)).get(_EXPRESSION, b"")
            if len(expression) == 4 and struct.unpack("=I", expression)[0] == _NAMED_TYPE:
                return True
    return False


def _iter_notes(notes: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, value) of each note: a byte of type, a byte of length, the value."""
    offset = 0
    while offset + 2 <= len(notes):
        length = notes[offset + 1]
        yield notes[offset], notes[offset + 2 : offset + 2 + length]
        offset += 2 + length
