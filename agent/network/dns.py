"""DNS messages (RFC 1035), as far as a resolver needs that answers for names of containers and passes the rest on.

Anything a client sends is untrusted: parsing never recurses and never reads past the message.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

__all__ = [
    "AAAA",
    "MX",
    "NXDOMAIN",
    "PTR",
    "REFUSED",
    "SERVFAIL",
    "A",
    "Query",
    "addresses",
    "empty",
    "failure",
    "parse",
    "pointer",
    "pointer_address",
    "rcode",
    "same_question",
    "truncated",
    "with_id",
]  # fmt: skip

A: Final = 1
PTR: Final = 12
MX: Final = 15
AAAA: Final = 28
_OPT: Final = 41
_IN: Final = 1

NOERROR: Final = 0
SERVFAIL: Final = 2
NXDOMAIN: Final = 3
REFUSED: Final = 5

TTL_S: Final = 600
_PLAIN_LIMIT: Final = 512
_OUR_LIMIT: Final = 1232
_HEADER = struct.Struct("!HHHHHH")
_FLAG_QR, _FLAG_TC, _FLAG_RD, _FLAG_RA, _OPCODE = 0x8000, 0x0200, 0x0100, 0x0080, 0x7800


@dataclass(frozen=True, slots=True)
class Query:
    """One question. `name` is lower case without the final dot; `limit` is the longest answer its sender takes by
    datagram."""

    id: int
    flags: int
    name: str
    type: int
    question: bytes
    edns: bool
    limit: int


def parse(message: bytes) -> Query | None:
    """Return the question of a query, None for anything that is not one query with one question."""
    if len(message) < 17:
        return None
    number, flags, questions, answers, authorities, additional = _HEADER.unpack_from(message)
    if flags & (_FLAG_QR | _OPCODE) or questions != 1 or answers or authorities:
        return None
    labels: list[str] = []
    offset = 12
    while True:
        if offset >= len(message):
            return None
        length = message[offset]
        offset += 1
        if not length:
            break
        if length > 63 or offset + length > len(message):
            return None
        labels.append(message[offset : offset + length].decode("latin-1").lower())
        offset += length
    if offset + 4 > len(message):
        return None
    kind, klass = struct.unpack_from("!HH", message, offset)
    offset += 4
    if klass != _IN:
        return None
    edns, limit = False, _PLAIN_LIMIT
    if additional and message[offset : offset + 3] == b"\0\0\x29" and offset + 11 <= len(message):
        edns = True
        limit = max(_PLAIN_LIMIT, struct.unpack_from("!H", message, offset + 3)[0])
    end = 12 + sum(len(label) + 1 for label in labels) + 5
    return Query(number, flags, ".".join(labels), kind, message[12:end], edns, limit)


def _message(query: Query, code: int, answers: Sequence[bytes] = (), flags: int = 0) -> bytes:
    head = _FLAG_QR | (query.flags & _FLAG_RD) | _FLAG_RA | flags | code
    additional = b"\0" + struct.pack("!HHIH", _OPT, _OUR_LIMIT, 0, 0) if query.edns else b""
    count = 1 if query.edns else 0
    return _HEADER.pack(query.id, head, 1, len(answers), 0, count) + query.question + b"".join(answers) + additional


def _record(kind: int, data: bytes) -> bytes:
    """An answer about the question's name, which a pointer to offset 12 stands for."""
    return b"\xc0\x0c" + struct.pack("!HHIH", kind, _IN, TTL_S, len(data)) + data


def addresses(query: Query, found: Sequence[str]) -> bytes:
    """Answer an A or AAAA question."""
    return _message(query, NOERROR, [_record(query.type, ip_address(text).packed) for text in found])


def pointer(query: Query, name: str) -> bytes:
    """Answer a PTR question."""
    labels = [label.encode("latin-1", "replace")[:63] for label in name.split(".") if label]
    return _message(query, NOERROR, [_record(PTR, b"".join(bytes([len(item)]) + item for item in labels) + b"\0")])


def empty(query: Query) -> bytes:
    """The name is there and has no record of this type."""
    return _message(query, NOERROR)


def failure(query: Query, code: int) -> bytes:
    """Answer with an error code."""
    return _message(query, code)


def truncated(query: Query, answer: bytes) -> bytes:
    """The answer as it fits a datagram: itself, or an empty one that tells to come by TCP."""
    return answer if len(answer) <= query.limit else _message(query, NOERROR, flags=_FLAG_TC)


def with_id(message: bytes, number: int) -> bytes:
    """The message under another id."""
    return struct.pack("!H", number) + message[2:]


def rcode(message: bytes) -> int:
    """The response code of an answer."""
    return message[3] & 0xF if len(message) >= 4 else SERVFAIL


def same_question(query: bytes, answer: bytes) -> bool:
    """Whether `answer` is an answer to `query`: id, flag and question (compared without case)."""
    if len(answer) < 12 or answer[:2] != query[:2] or not answer[2] & 0x80:
        return False
    parsed = parse(query)
    if parsed is None:
        return False
    if answer[4:6] == b"\0\0":  # servers may leave the question out of an error
        return rcode(answer) != NOERROR
    return answer[12 : 12 + len(parsed.question)].lower() == parsed.question.lower()


def pointer_address(name: str) -> str:
    """The address a PTR name asks about (`4.3.2.1.in-addr.arpa`), "" when it is none."""
    labels = name.split(".")
    try:
        if name.endswith(".in-addr.arpa") and len(labels) == 6:
            return str(IPv4Address(".".join(reversed(labels[:4]))))
        if name.endswith(".ip6.arpa") and len(labels) == 34:
            return str(IPv6Address(int("".join(reversed(labels[:32])), 16)))
    except ValueError:
        pass
    return ""
