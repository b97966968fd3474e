"""Header blocks as Python's tarfile writes them, read back field by field."""

from __future__ import annotations

import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.build.tar_header import BadHeader, parse_header

NAMES = st.text(alphabet="abé/.-", min_size=1, max_size=60).filter(lambda text: text.strip("/."))


@settings(deadline=None)
@given(
    NAMES, st.integers(0, 0o7777), st.integers(0, 2**40), st.integers(0, 2**62), st.integers(0, 2**40),
    st.sampled_from([tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT]),
)  # fmt: skip
def test_fields(name: str, mode: int, uid: int, size: int, mtime: int, form: int) -> None:
    info = tarfile.TarInfo(name)
    info.mode, info.uid, info.size, info.mtime, info.uname, info.linkname = mode, uid, size, mtime, "someone", "to"
    try:
        block = info.tobuf(form, "utf-8", "surrogateescape")
    except ValueError:
        return  # ustar cannot say it
    header = parse_header(block[:512])
    assert (header.name, header.mode, header.uid) == (name, mode, uid)
    assert (header.size, header.mtime, header.uname, header.linkname) == (size, mtime, "someone", "to")


def test_long_names_are_put_together() -> None:
    info = tarfile.TarInfo("a" * 90 + "/" + "b" * 90)
    assert parse_header(info.tobuf(tarfile.USTAR_FORMAT)[:512]).name == info.name


def test_damage_is_noticed() -> None:
    block = bytearray(tarfile.TarInfo("x").tobuf())
    block[0] ^= 1
    with pytest.raises(BadHeader):
        parse_header(bytes(block))


@settings(deadline=None)
@given(st.binary(min_size=512, max_size=512))
def test_any_block_is_read_or_refused(block: bytes) -> None:
    total = sum(block[:148]) + sum(block[156:]) + 256
    for candidate in (block, block[:148] + b"%06o\0 " % total + block[156:]):
        try:
            parse_header(candidate)
        except BadHeader:
            pass
