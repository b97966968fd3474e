"""A context's tree and hashes: what COPY would see of a tar, and that nothing in it leads out."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.build.content_hash import hash_strings
from agent.build.context import BuildContext, spool_context
from agent.build.copy_sources import combined_hash, find_items
from agent.build.file_tree import FileKind, OutsideTree, walk_tree
from wire.errors import Internal, Invalid

Entry = bytes | str | None
"""A file's bytes, a link's target, None for a directory."""


def make_tar(entries: dict[str, Entry], **fields: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in entries.items():
            info = tarfile.TarInfo(name)
            for key, value in fields.items():
                setattr(info, key, value)
            if content is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(info)
            elif isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def test_the_padding_of_the_last_entry_may_be_missing(tmp_path: Path) -> None:
    """What docker's client sends for `build -f -`: it cuts the archive off after the last byte."""
    whole = make_tar({"a": b"1", "Dockerfile": b"FROM x\n"})
    cut = whole.rstrip(b"\0")
    assert cut.endswith(b"FROM x\n")
    context = spool_context(iter([cut]), tmp_path)
    entry = context.stat("Dockerfile")
    assert entry is not None
    with context.open_file(entry) as (descriptor, offset):
        assert os.pread(descriptor, entry.size, offset) == b"FROM x\n"
    context.close()


def pieces(data: bytes, size: int = 1000) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[object]:
    made: list[BuildContext] = []

    def open_context(data: bytes) -> BuildContext:
        made.append(spool_context(pieces(data), tmp_path))
        return made[-1]

    yield open_context
    for context in made:
        context.close()


TREE: dict[str, Entry] = {"d": None, "d/a": b"1", "d/b/c": b"1", "d/l": "a", "e": None, "e/q": b"1"}


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress, zstandard.compress])
def test_a_directory_hashes_as_in_docker_however_compressed(spool, compress) -> None:
    # Docker Engine 26.1 wrote `COPY dir:2a11adbc… in /x` for this very tar.
    context = spool(compress(make_tar(TREE)))
    (item,) = find_items(context, "d", exclude=None, in_context=True)
    assert item.digest == "dir:2a11adbcb04085376bd5f1d5197dab2240c13c164740462242a2419ea90a42b1"


def test_files_hash_as_in_docker(spool) -> None:
    context = spool(make_tar({"a": b"1", "b": b"2"}))
    items = [item for name in ("a", "b") for item in find_items(context, name, exclude=None, in_context=True)]
    assert items[0].digest == "file:4ce57d7c4e3f323fd1d60451b5629b642ed2f4908ae29d2a6b3cadc7ceb61e58"
    assert combined_hash(items) == "multi:a20dbc7c39c96ab5923b704cd499e4d2eb45421f6ff9ca59bc061b3c22a3995b"


def test_times_do_not_count_and_modes_do(spool) -> None:
    plain = spool(make_tar({"a": b"1"})).digest("a")
    assert spool(make_tar({"a": b"1"}, mtime=12345)).digest("a") == plain
    assert spool(make_tar({"a": b"1"}, mode=0o600)).digest("a") != plain


def test_content_is_read_back_from_the_spool(spool) -> None:
    big = os.urandom(3_000_000)
    context = spool(make_tar({"x": b"first", "big": big, "y": b"last"}))
    for name, content in (("x", b"first"), ("big", big), ("y", b"last")):
        entry = context.stat(name)
        with context.open_file(entry) as (descriptor, offset):
            assert os.pread(descriptor, entry.size, offset) == content


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "./x"])
def test_names_that_climb_stay_inside(spool, name: str) -> None:
    context = spool(make_tar({name: b"1"}))
    assert context.stat("x").kind is FileKind.FILE


def test_links_are_followed_inside(spool) -> None:
    context = spool(make_tar({"etc/passwd": b"ours", "up": "../../../etc/passwd", "abs": "/etc", "loop": "loop"}))
    assert context.read("up") == b"ours"
    assert context.read("abs/passwd") == b"ours"
    assert [path for path, _ in walk_tree(context, "")] == ["abs", "etc", "etc/passwd", "loop", "up"]
    with pytest.raises(OutsideTree):
        context.stat("loop")


def test_an_entry_below_a_link_lands_where_the_link_leads(spool) -> None:
    context = spool(make_tar({"d": None, "l": "d", "l/x": b"1"}))
    assert context.stat("d/x", follow=False).kind is FileKind.FILE
    assert context.stat("l", follow=False).kind is FileKind.SYMLINK


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nope", "file not found in build context or excluded by .dockerignore: stat nope: file does not exist"),
        ("/nope/", "file not found in build context or excluded by .dockerignore: stat nope/: file does not exist"),
        ("../x", "forbidden path outside the build context: ../x ()"),
        ("d/a/b", "forbidden path outside the build context: d/a/b ()"),
    ],
)
def test_missing_sources_in_dockers_words(spool, source: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        find_items(spool(make_tar(TREE)), source, exclude=None, in_context=True)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*", ["d", "e"]),
        ("d/*", ["d/a", "d/b", "d/l"]),
        ("*/?", ["d/a", "d/b", "d/l", "e/q"]),
        ("[de]/[a-b]", ["d/a", "d/b"]),
        ("d/[^a]", ["d/b", "d/l"]),
        ("z*", []),
        ("[d", []),
    ],
)
def test_wildcards_stop_at_slashes(spool, pattern: str, found: list[str]) -> None:
    items = find_items(spool(make_tar(TREE)), pattern, exclude=None, in_context=True)
    assert [item.path for item in items] == found


@pytest.mark.parametrize("data", [b"garbage", b"x" * 2048, make_tar({"a": b"1" * 5000})[:2000], b"\x1f\x8b\x08\0junk"])
def test_what_is_no_tar_is_refused(spool, data: bytes) -> None:
    with pytest.raises(Internal):
        spool(data)


def test_no_data_is_an_empty_context(spool) -> None:
    assert spool(b"").names("") == []


NAMES = st.text(alphabet="ab./", min_size=1, max_size=8)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(NAMES, st.one_of(st.none(), NAMES, st.binary(max_size=20))), max_size=12))
def test_any_archive_gives_a_tree_that_can_be_walked(tmp_path: Path, entries: list[tuple[str, Entry]]) -> None:
    try:
        context = spool_context(pieces(make_tar(dict(entries)), 700), tmp_path)
    except Invalid:
        return  # a name below a file
    try:
        walked = list(walk_tree(context, ""))
        for path, entry in walked:
            assert ".." not in path.split("/")
            if entry.kind is FileKind.FILE:
                with context.open_file(entry) as (descriptor, offset):
                    assert len(os.pread(descriptor, entry.size, offset)) == entry.size
        assert hash_strings("dir", sorted(context.digest(path) or "" for path, _ in walked))
    finally:
        context.close()
