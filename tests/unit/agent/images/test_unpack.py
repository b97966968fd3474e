"""Unpacking: OCI whiteouts become overlayfs's, and nothing an archive says is done outside its root.

Ideas of the cases T01 to T05 of the reliability plan. A tree of canaries beside the root is compared before and after.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.images import tar_reader
from agent.images.limits import Limits
from agent.images.tar_reader import TarEntry
from agent.images.tar_writer import END_OF_ARCHIVE, header, tar_tree
from agent.images.trees import remove_tree
from agent.images.unpack import Unpacked, clean_name, unpack_archive, unpack_layer
from wire.errors import Exhausted, Invalid, MooringError

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="device nodes and trusted attributes need root")
pytestmark = [pytest.mark.root, needs_root]

DIRECTORY, REGULAR, SYMLINK, HARDLINK = (
    tar_reader.DIRECTORY, tar_reader.REGULAR, tar_reader.SYMLINK, tar_reader.HARDLINK,
)  # fmt: skip


def file(name: str, data: bytes = b"data", mode: int = 0o644, **more: object) -> tuple[TarEntry, bytes]:
    return TarEntry(name, REGULAR, mode=mode, size_bytes=len(data), **more), data  # type: ignore[arg-type]


def made(kind: bytes, name: str, link: str = "", **more: object) -> tuple[TarEntry, bytes]:
    return TarEntry(name, kind, link=link, **more), b""  # type: ignore[arg-type]


def archive(*entries: tuple[TarEntry, bytes]) -> bytes:
    body = b"".join(header(entry) + data + bytes(-len(data) % 512) for entry, data in entries)
    return body + END_OF_ARCHIVE


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """An empty root beside canaries that must not change."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "canary").write_text("untouched")
    (outside / "dir").mkdir()
    inside = tmp_path / "root"
    inside.mkdir()
    before = snapshot(outside)
    yield inside
    assert snapshot(outside) == before
    assert sorted(os.listdir(tmp_path)) == ["outside", "root"]
    remove_tree(str(inside))  # pytest's own clean-up recurses


def snapshot(directory: Path) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for path in [directory, *sorted(directory.rglob("*"))]:
        facts = path.lstat()
        found.append((str(path), facts.st_mode, facts.st_uid, facts.st_nlink, facts.st_mtime_ns, facts.st_ctime_ns))
    return found


def unpack(root: Path, *entries: tuple[TarEntry, bytes], limits: Limits = Limits()) -> Unpacked:
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return unpack_layer([archive(*entries)], descriptor, limits)
    finally:
        os.close(descriptor)


def put(root: Path, *entries: tuple[TarEntry, bytes], **options: object) -> Unpacked:
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return unpack_archive([archive(*entries)], descriptor, **options)  # type: ignore[arg-type]
    finally:
        os.close(descriptor)


def test_files_keep_mode_owner_time_and_attributes(root: Path) -> None:
    entry, data = file("a/b/c", mode=0o6755, uid=12, gid=34, mtime_ns=1_500_000_000 * 10**9)
    entry.xattrs = {"user.x": b"y", "trusted.overlay.opaque": b"y", "user.overlay.redirect": b"/etc"}
    unpacked = unpack(root, made(DIRECTORY, "a/", mode=0o2700, mtime_ns=10**18), (entry, data))
    facts = (root / "a/b/c").stat()
    assert (stat.S_IMODE(facts.st_mode), facts.st_uid, facts.st_gid) == (0o6755, 12, 34)
    assert facts.st_mtime_ns == 1_500_000_000 * 10**9
    assert os.listxattr(root / "a/b/c") == ["user.x"]
    assert (root / "a").stat().st_mtime_ns == 10**18
    assert stat.S_IMODE((root / "a").stat().st_mode) == 0o2700
    assert stat.S_IMODE((root / "a/b").stat().st_mode) == 0o755
    assert unpacked.size_bytes == 4


@pytest.mark.parametrize("name", ["../x", "a/../../x", "./../x", "../../../../../../outside/x"])
def test_names_that_climb_out_are_refused(root: Path, name: str) -> None:
    with pytest.raises(Invalid):
        unpack(root, file(name))


@pytest.mark.parametrize(
    ("name", "where"),
    [("/abs", "abs"), ("./a/./b", "a/b"), ("a//b", "a/b"), ("a/../b", "b"), ("/../x", "x"), ("n\nl", "n\nl")],
)
def test_names_are_cleaned_as_docker_does(root: Path, name: str, where: str) -> None:
    assert clean_name(name) == where
    unpack(root, file(name))
    assert (root / where).read_bytes() == b"data"


def test_deep_trees_and_long_names(root: Path) -> None:
    unpack(root, file("/".join("d" * 300)), file("/".join(["e"] * 1500)))
    assert (root / "/".join("d" * 300)).exists()
    with pytest.raises(Invalid):
        unpack(root, file("x" * 5000))


@pytest.mark.parametrize(
    "entries",
    [
        [made(SYMLINK, "l", "../outside"), file("l/canary", b"evil")],
        [made(SYMLINK, "l", "{outside}"), file("l/canary", b"evil")],
        [made(SYMLINK, "l", "{outside}/canary"), file("l", b"evil")],
        [made(SYMLINK, "a", "../outside"), made(SYMLINK, "b", "a"), file("b/canary", b"evil")],
        [made(SYMLINK, "l", "l"), file("l/canary", b"evil")],
        [made(SYMLINK, "l", "{outside}"), made(DIRECTORY, "l/dir/"), file("l/dir/x")],
        [made(SYMLINK, "l", "{outside}/dir"), made(DIRECTORY, "l/", mode=0o777)],
        [made(DIRECTORY, "d/"), file("d/x"), made(SYMLINK, "d", "{outside}"), file("d/canary", b"evil")],
        [made(HARDLINK, "h", "../outside/canary"), file("h", b"evil")],
        [made(HARDLINK, "h", "{outside}/canary")],
        [made(SYMLINK, "l", "{outside}"), made(HARDLINK, "h", "l/canary")],
        [made(SYMLINK, "l", "{outside}/canary"), made(HARDLINK, "h", "l"), file("h", b"evil")],
        [made(HARDLINK, "h", "later"), file("later")],
        [made(SYMLINK, "l", "{outside}"), file("l/.wh.canary", b"")],
        [made(SYMLINK, "l", "{outside}"), file("l/.wh..wh..opq", b"")],
        [file(".wh...", b"")],
        [file(".wh..", b"")],
        [file(".wh.", b"")],
        [made(SYMLINK, ".", "{outside}"), file("canary", b"evil")],
        [made(SYMLINK, "l", "/proc/self/root{outside}"), file("l/canary", b"evil")],
        [made(DIRECTORY, "d/", mtime_ns=5), made(SYMLINK, "d", "{outside}/dir")],
    ],
)
@pytest.mark.parametrize("unpacker", [unpack, put])
def test_links_lead_nowhere_outside(root: Path, entries: list[tuple[TarEntry, bytes]], unpacker: object) -> None:
    outside = str(root.parent / "outside")
    ready = [(entry_with(entry, outside), data) for entry, data in entries]
    try:
        unpacker(root, *ready)  # type: ignore[operator]
    except MooringError:
        pass


def entry_with(entry: TarEntry, outside: str) -> TarEntry:
    return TarEntry(
        entry.name, entry.kind, mode=entry.mode, size_bytes=entry.size_bytes, mtime_ns=entry.mtime_ns,
        link=entry.link.replace("{outside}", outside),
    )  # fmt: skip


def test_links_inside_the_root_are_followed_inside(root: Path) -> None:
    unpack(
        root,
        made(DIRECTORY, "usr/bin/"),
        made(SYMLINK, "bin", "/usr/bin"),
        file("bin/sh"),
        made(HARDLINK, "x", "bin/sh"),
    )
    assert (root / "usr/bin/sh").read_bytes() == b"data"
    assert (root / "x").stat().st_ino == (root / "usr/bin/sh").stat().st_ino


def test_whiteouts_take_overlayfs_form(root: Path) -> None:
    unpacked = unpack(
        root, file("d/.wh.gone", b""), file("o/.wh..wh..opq", b""), file("o/new"), file(".wh..wh.plnk", b"")
    )
    gone = (root / "d/gone").lstat()
    assert stat.S_ISCHR(gone.st_mode)
    assert gone.st_rdev == 0
    assert os.getxattr(root / "o", "trusted.overlay.opaque") == b"y"
    assert "trusted.overlay.origin" in os.listxattr(root / "d")
    assert sorted(os.listdir(root)) == ["d", "o"]
    assert not unpacked.opaque_root


def test_an_opaque_mark_at_the_root_is_told(root: Path) -> None:
    assert unpack(root, file(".wh..wh..opq", b""), file("x")).opaque_root


def test_a_layers_own_entries_survive_its_whiteouts(root: Path) -> None:
    unpack(
        root,
        file("f"), file(".wh.f", b""),
        file("d/x"), file(".wh.d", b""),
        file(".wh.late", b""), made(DIRECTORY, "late/"), file("late/y"),
    )  # fmt: skip
    assert (root / "f").read_bytes() == b"data"
    assert (root / "d/x").exists()
    for name in ("d", "late"):
        assert os.getxattr(root / name, "trusted.overlay.opaque") == b"y"


def test_devices_are_made_and_a_smuggled_whiteout_is_refused(root: Path) -> None:
    unpack(root, made(tar_reader.CHAR, "null", mode=0o666, major=1, minor=3), made(tar_reader.FIFO, "p", mode=0o600))
    assert (root / "null").stat().st_rdev == os.makedev(1, 3)
    assert stat.S_IMODE((root / "null").stat().st_mode) == 0o666
    with pytest.raises(Invalid, match="0:0"):
        unpack(root, made(tar_reader.CHAR, "w"))


def test_entries_replace_what_is_there_but_directories_merge(root: Path) -> None:
    unpack(
        root, file("d/a"), file("f"), made(DIRECTORY, "d/", mode=0o700), file("d/b"), made(DIRECTORY, "f/"), file("f/x")
    )
    assert sorted(os.listdir(root / "d")) == ["a", "b"]
    assert (root / "f/x").exists()
    assert stat.S_IMODE((root / "d").stat().st_mode) == 0o700
    unpack(root, file("d", b"now a file"))
    assert (root / "d").read_bytes() == b"now a file"


def test_no_overwrite_refuses_to_change_kinds(root: Path) -> None:
    (root / "d").mkdir()
    (root / "f").write_text("x")
    with pytest.raises(Invalid, match='cannot overwrite directory "d" with non-directory'):
        put(root, file("d"), no_overwrite_dir_non_dir=True)
    with pytest.raises(Invalid, match='cannot overwrite non-directory "/f" with directory "/"'):
        put(root, made(DIRECTORY, "f/"), no_overwrite_dir_non_dir=True)


def test_an_archive_put_somewhere_has_one_owner_and_no_whiteouts(root: Path) -> None:
    (root / "to").mkdir()
    put(root, file("d/.wh.x"), file("y"), prefix="/to", owner=(7, 8))
    assert (root / "to/d/.wh.x").read_bytes() == b"data"
    assert {(p.stat().st_uid, p.stat().st_gid) for p in (root / "to").rglob("*")} == {(7, 8)}


def test_limits_hold(root: Path) -> None:
    with pytest.raises(Exhausted):
        unpack(root, *(file(str(n), b"") for n in range(20)), limits=Limits(entries=10))
    with pytest.raises(Exhausted):
        unpack(root, file("big", bytes(5000)), limits=Limits(entry_bytes=4096))


def test_a_directory_swapped_for_a_link_while_unpacking_leads_nowhere(root: Path) -> None:
    outside = root.parent / "outside"
    stop = threading.Event()

    def swap() -> None:
        (root / "real").mkdir()
        while not stop.is_set():
            try:
                os.rename(root / "real", root / "d")
                os.rename(root / "d", root / "real")
                os.symlink(outside, root / "d")
                os.unlink(root / "d")
            except OSError:
                for path in (root / "d",):
                    if path.is_symlink():
                        path.unlink()

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for number in range(300):
            try:
                put(root, file(f"d/x{number}"), file("d/canary", b"evil"), made(SYMLINK, "d/l", "x"))
            except (MooringError, OSError):
                continue
    finally:
        stop.set()
        thread.join()


def test_a_tree_written_and_unpacked_is_the_same_tree(root: Path, tmp_path: Path) -> None:
    source = tmp_path / "outside" / "dir"
    entries = [
        made(DIRECTORY, "d/", mode=0o1777, mtime_ns=10**18),
        file("d/f", b"x" * 3000, mode=0o4711, uid=5, mtime_ns=9 * 10**17),
        made(HARDLINK, "d/g", "d/f"),
        made(SYMLINK, "l", "../nowhere"),
        made(tar_reader.CHAR, "null", major=1, minor=3),
        file("d/.wh.gone", b""),
        file("o/.wh..wh..opq", b""),
        file("ü" * 60 + "/" + "n" * 120, b"long"),
    ]
    unpack(root, *entries)
    descriptor = os.open(root, os.O_RDONLY)
    first = b"".join(tar_tree(descriptor, layer=True))
    assert first == b"".join(tar_tree(descriptor, layer=True))
    os.close(descriptor)
    again = root / "again"
    again.mkdir()
    target = os.open(again, os.O_RDONLY)
    unpack_layer([first], target)
    assert b"".join(tar_tree(target, layer=True)) == first
    os.close(target)
    assert source.is_dir()
