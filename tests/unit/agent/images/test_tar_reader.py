"""The tar reader: what other writers make is read right; what is damaged or hostile is refused, never followed."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.images import tar_reader
from agent.images.limits import Limits
from agent.images.tar_reader import TarEntry, TarReader
from agent.images.tar_writer import END_OF_ARCHIVE, header
from wire.errors import Exhausted, Invalid, MooringError

SMALL = Limits(entries=50, total_bytes=1 << 20, entry_bytes=1 << 19, metadata_bytes=1 << 16)


def in_chunks(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def read_all(data: bytes, size: int = 7919, limits: Limits = SMALL) -> list[tuple[TarEntry, bytes]]:
    reader = TarReader(in_chunks(data, size), limits)
    return [(entry, b"".join(bytes(piece) for piece in reader.data())) for entry in reader]


def by_tarfile(format: int, members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=format, encoding="utf-8") as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return target.getvalue()


def checksummed(block: bytearray) -> bytes:
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("size", [1, 511, 512, 1 << 20])
def test_every_format_of_another_writer_is_read_whatever_the_chunks(format: int, size: int) -> None:
    long = "d" * 90 + "/" + "f" * 99
    regular = tarfile.TarInfo(long)
    regular.mtime, regular.mode, regular.uid, regular.gid = 1_700_000_000, 0o4755, 1000, 1001
    link = tarfile.TarInfo("l")
    link.type, link.linkname = tarfile.SYMTYPE, "../a/b"
    device = tarfile.TarInfo("dev")
    device.type, device.devmajor, device.devminor = tarfile.BLKTYPE, 8, 17
    found = read_all(by_tarfile(format, [(regular, b"x" * 1000), (link, b""), (device, b"")]), size)
    first, second, third = (entry for entry, _ in found)
    assert (first.name, first.mode, first.uid, first.gid) == (long, 0o4755, 1000, 1001)
    assert (first.mtime_ns, first.size_bytes, found[0][1]) == (1_700_000_000 * 10**9, 1000, b"x" * 1000)
    assert (second.kind, second.link) == (tar_reader.SYMLINK, "../a/b")
    assert (third.kind, third.major, third.minor) == (tar_reader.BLOCK, 8, 17)


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_and_numbers_that_ustar_cannot_hold(format: int) -> None:
    info = tarfile.TarInfo("/".join(["ü" * 30] * 12))
    info.uid, info.mtime = 4_000_000, 1_700_000_000.25
    [(entry, _)] = read_all(by_tarfile(format, [(info, b"")]))
    assert entry.name == info.name
    assert entry.uid == 4_000_000
    assert entry.mtime_ns == (1_700_000_000_250_000_000 if format == tarfile.PAX_FORMAT else 1_700_000_000 * 10**9)


def test_pax_decides_over_the_header_and_carries_attributes() -> None:
    info = tarfile.TarInfo("short")
    info.pax_headers = {"path": "from/pax", "SCHILY.xattr.user.a": "b=\nc", "uid": "77"}
    [(entry, data)] = read_all(by_tarfile(tarfile.PAX_FORMAT, [(info, b"abc")]))
    assert (entry.name, entry.uid, data) == ("from/pax", 77, b"abc")
    assert entry.xattrs == {"user.a": b"b=\nc"}


def test_global_pax_headers_are_ignored() -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"path": "evil"}) as archive:
        archive.addfile(tarfile.TarInfo("good"))
    assert [entry.name for entry, _ in read_all(target.getvalue())] == ["good"]


def gnu_sparse() -> bytes:
    block = bytearray(header(TarEntry("s", tar_reader.REGULAR, size_bytes=1024)))
    block[156:157] = b"S"
    block[257:265] = b"ustar  \0"
    block[386:482] = (b"%011o\0%011o\0" % (4096, 512) + b"%011o\0%011o\0" % (65536, 512)).ljust(96, b"\0")
    block[482:483] = b"\0"
    block[483:495] = b"%011o\0" % 100_000
    return checksummed(block) + b"A" * 512 + b"B" * 512 + END_OF_ARCHIVE


def pax_sparse(version: str) -> bytes:
    info = tarfile.TarInfo("GNUSparseFile.0/s")
    headers = {"GNU.sparse.name": "s", "GNU.sparse.size": "100000", "GNU.sparse.realsize": "100000"}
    data = b"A" * 512 + b"B" * 512
    if version == "1.0":
        headers |= {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
        data = b"2\n4096\n512\n65536\n512\n".ljust(512, b"\0") + data
    else:
        headers |= {"GNU.sparse.numblocks": "2", "GNU.sparse.map": "4096,512,65536,512"}
    info.pax_headers = headers
    return by_tarfile(tarfile.PAX_FORMAT, [(info, data)])


@pytest.mark.parametrize("archive", [gnu_sparse(), pax_sparse("0.1"), pax_sparse("1.0")])
@pytest.mark.parametrize("size", [1, 4096])
def test_sparse_files_of_three_kinds(archive: bytes, size: int) -> None:
    [(entry, data)] = read_all(archive, size)
    assert (entry.name, entry.size_bytes) == ("s", 100_000)
    assert entry.extents == [(4096, 512), (65536, 512)]
    assert data == b"A" * 512 + b"B" * 512


def hostile(**changes: bytes) -> bytes:
    fields = {"size": slice(124, 136), "mode": slice(100, 108), "uid": slice(108, 116), "mtime": slice(136, 148),
              "type": slice(156, 157), "name": slice(0, 100)}  # fmt: skip
    block = bytearray(header(TarEntry("x", tar_reader.REGULAR)))
    for name, value in changes.items():
        where = fields[name]
        block[where] = value.ljust(where.stop - where.start, b"\0")
    return checksummed(block)


def sparse_claiming(real: int, *extents: tuple[int, int]) -> bytes:
    info = tarfile.TarInfo("s")
    pairs = ",".join(f"{offset},{length}" for offset, length in extents)
    info.pax_headers = {"GNU.sparse.map": pairs, "GNU.sparse.size": str(real)}
    return by_tarfile(tarfile.PAX_FORMAT, [(info, b"A" * 512)])


@pytest.mark.parametrize(
    ("archive", "error"),
    [
        (b"not a tar" * 100, Invalid),
        (hostile()[:300], Invalid),
        (hostile(size=b"\xff" * 12), Invalid),
        (hostile(size=b"\x80" + b"\xff" * 11), Exhausted),
        (hostile(size=b"99999999999"), Invalid),
        (hostile(size=b"-1"), Invalid),
        (hostile(mode=b"rwx"), Invalid),
        (hostile(uid=b"\xff" * 8), Invalid),
        (hostile(mtime=b"\x80" + b"\x7f" * 11), Invalid),
        (hostile(type=b"V"), Invalid),
        (hostile(size=b"1000"), Invalid),
        (hostile(type=b"L", size=b"77777777777"), Invalid),
        (hostile(type=b"L", size=b"0") * 20, Invalid),
        (hostile(type=b"x", size=b"5") + b"99 a=".ljust(512, b"\0"), Invalid),
        (hostile(type=b"x", size=b"6") + b"6 a=b!".ljust(512, b"\0"), Invalid),
        (hostile(type=b"x", size=b"0") + END_OF_ARCHIVE, Invalid),
        (bytes(512) + hostile(), Invalid),
        (sparse_claiming(8 << 60, (0, 512)), Exhausted),
        (sparse_claiming(1000, (600, 512)), Invalid),
        (sparse_claiming(10_000, (4096, 256), (0, 256)), Invalid),
        (sparse_claiming(10_000, (0, 100)), Invalid),
        (hostile() * 60, Exhausted),
    ],
)
def test_hostile_headers_are_refused(archive: bytes, error: type[MooringError]) -> None:
    with pytest.raises(error):
        read_all(archive)


def test_nul_in_a_pax_path_is_refused() -> None:
    body = b"13 path=a\0b\n\n"
    archive = hostile(type=b"x", size=b"%o" % len(body)) + body.ljust(512, b"\0") + hostile()
    with pytest.raises(Invalid, match=r"^archive/tar: invalid tar header$") as caught:
        read_all(archive)
    assert caught.value.details["position"] == 1024


def test_content_larger_than_allowed_in_sum_is_refused() -> None:
    members = [(tarfile.TarInfo(str(n)), b"x" * 400_000) for n in range(3)]
    with pytest.raises(Exhausted):
        read_all(by_tarfile(tarfile.USTAR_FORMAT, members))


def test_what_follows_the_end_is_read_and_ignored() -> None:
    seen: list[int] = []

    def chunks() -> Iterator[bytes]:
        for chunk in (hostile(), END_OF_ARCHIVE, b"garbage" * 1000):
            seen.append(len(chunk))
            yield chunk

    assert len(list(TarReader(chunks(), SMALL))) == 1
    assert len(seen) == 3


names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=300).filter(
    lambda name: not name.endswith("/") and len(name.encode()) < 4096
)


@given(
    name=names,
    kind=st.sampled_from([tar_reader.REGULAR, tar_reader.SYMLINK, tar_reader.FIFO, tar_reader.CHAR]),
    mode=st.integers(0, 0o7777),
    uid=st.integers(0, 2**32 - 2),
    seconds=st.integers(-(2**33), 2**33),
    data=st.binary(max_size=2000),
    xattrs=st.dictionaries(st.sampled_from(["user.a", "security.capability"]), st.binary(max_size=80), max_size=2),
    size=st.integers(1, 3000),
)
def test_what_our_writer_writes_our_reader_and_tarfile_read(
    name: str,
    kind: bytes,
    mode: int,
    uid: int,
    seconds: int,
    data: bytes,
    xattrs: dict[str, bytes],
    size: int,
) -> None:
    data = data if kind == tar_reader.REGULAR else b""
    entry = TarEntry(name, kind, mode=mode, uid=uid, gid=uid, size_bytes=len(data), mtime_ns=seconds * 10**9)
    entry.xattrs = xattrs or None
    entry.link = "to/" + name if kind == tar_reader.SYMLINK and len(name.encode()) < 4000 else ""
    archive = header(entry) + data + bytes(-len(data) % 512) + END_OF_ARCHIVE
    [(found, content)] = read_all(archive, size)
    assert {k: getattr(found, k) for k in ("name", "kind", "mode", "uid", "gid", "mtime_ns", "link", "xattrs")} == {
        k: getattr(entry, k) for k in ("name", "kind", "mode", "uid", "gid", "mtime_ns", "link", "xattrs")
    }
    assert content == data
    with tarfile.open(fileobj=io.BytesIO(archive), encoding="utf-8") as reference:
        [member] = reference.getmembers()
    assert (member.name, member.mode, member.uid, int(member.mtime)) == (name, mode, uid, seconds)


SEED = bytearray(
    gnu_sparse()[:-1024]
    + pax_sparse("1.0")[:-1024]
    + by_tarfile(tarfile.GNU_FORMAT, [(tarfile.TarInfo("n" * 200), b"")])
)


@settings(max_examples=400)
@given(
    edits=st.lists(st.tuples(st.integers(0, len(SEED) - 1), st.integers(0, 255)), min_size=1, max_size=8),
    cut=st.integers(0, len(SEED)),
    mend=st.booleans(),
    size=st.integers(1, 2000),
)
def test_damaged_archives_end_in_our_errors_and_end(
    edits: list[tuple[int, int]], cut: int, mend: bool, size: int
) -> None:
    data = bytearray(SEED)
    for at, value in edits:
        data[at] = value
    if mend:  # with right checksums, so that the damage is looked at
        for at in range(0, len(data) - 511, 512):
            if data[at + 257 : at + 262] == b"ustar":
                data[at : at + 512] = checksummed(bytearray(data[at : at + 512]))
    try:
        read_all(bytes(data[:cut]), size)
    except MooringError:
        pass


@given(st.binary(max_size=3000))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        read_all(data)
    except MooringError:
        pass
