"""DNS messages: what is taken for a question, what answers look like, and that garbage does nothing."""

from __future__ import annotations

import random
import struct

import pytest

from agent.network import dns


def _query(name: str = "web", kind: int = dns.A, *, edns: int = 0, flags: int = 0x0100) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    option = b"\0" + struct.pack("!HHIH", 41, edns, 0, 0) if edns else b""
    head = struct.pack("!HHHHHH", 0x1234, flags, 1, 0, 0, 1 if edns else 0)
    return head + labels + b"\0" + struct.pack("!HH", kind, 1) + option


def test_a_question_is_read_without_case() -> None:
    parsed = dns.parse(_query("Web.Front", dns.AAAA, edns=1232))
    assert parsed is not None
    assert (parsed.name, parsed.type, parsed.edns, parsed.limit) == ("web.front", dns.AAAA, True, 1232)


def test_an_answer_repeats_id_question_and_recursion_desired() -> None:
    message = _query("Web")
    parsed = dns.parse(message)
    assert parsed is not None
    answer = dns.addresses(parsed, ["172.18.0.2"])
    assert answer[:2] == message[:2]
    assert struct.unpack_from("!H", answer, 2)[0] == 0x8180
    assert b"\x03Web\0" in answer  # as it was asked, for resolvers that mix cases on purpose
    assert answer.endswith(bytes([172, 18, 0, 2]))
    assert dns.same_question(message, answer)


def test_a_long_answer_is_cut_for_datagrams_only_beyond_what_the_client_takes() -> None:
    many = [f"172.18.0.{number}" for number in range(1, 60)]
    plain, extended = dns.parse(_query()), dns.parse(_query(edns=4096))
    assert plain is not None
    assert extended is not None
    cut = dns.truncated(plain, dns.addresses(plain, many))
    assert cut[2] & 0x02
    assert len(cut) < 512
    whole = dns.addresses(extended, many)
    assert dns.truncated(extended, whole) == whole


@pytest.mark.parametrize(
    "message",
    [
        b"",
        _query()[:11],
        _query(flags=0x8180),  # an answer
        _query(flags=0x2800),  # an update
        _query()[:-3],
        struct.pack("!HHHHHH", 1, 0x0100, 2, 0, 0, 0) + b"\x03web\0\0\1\0\1" * 2,
        struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1",  # a pointer where a name should be
    ],
)
def test_what_is_no_single_question_is_none(message: bytes) -> None:
    assert dns.parse(message) is None


def test_garbage_never_raises() -> None:
    source = random.Random(7)
    for _ in range(3000):
        message = bytearray(_query("a.b.c", edns=512))
        for _ in range(source.randrange(1, 6)):
            message[source.randrange(len(message))] = source.randrange(256)
        parsed = dns.parse(bytes(message[: source.randrange(len(message) + 1)]))
        if parsed is not None:
            dns.addresses(parsed, [])
        dns.same_question(_query(), bytes(message))


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("2.0.18.172.in-addr.arpa", "172.18.0.2"),
        ("1." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa", "2001:db8::1"),
        ("18.172.in-addr.arpa", ""),
        ("x.0.18.172.in-addr.arpa", ""),
        ("web", ""),
    ],
)
def test_pointer_names(name: str, address: str) -> None:
    assert dns.pointer_address(name) == address


def test_an_answer_to_another_question_is_not_taken() -> None:
    asked, other = _query("web"), dns.parse(_query("bank"))
    assert other is not None
    assert not dns.same_question(asked, dns.addresses(other, ["192.0.2.1"]))
    assert not dns.same_question(asked, dns.with_id(asked, 1))
