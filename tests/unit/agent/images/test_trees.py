"""Trees that images and containers make to break those who walk them."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.images.changes import list_changes, tree_size_bytes
from agent.images.limits import Limits
from agent.images.tar_reader import TarReader
from agent.images.tar_writer import tar_tree
from agent.images.trees import remove_tree

DEPTH = 2100


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A tree deeper than a path can say, than the interpreter recurses and than files may be open."""
    root = tmp_path / "deep"
    root.mkdir()
    descriptor = os.open(root, os.O_RDONLY)
    for level in range(DEPTH):
        os.mkdir("d", dir_fd=descriptor)
        if level % 10 == 0:
            os.close(os.open("f", os.O_WRONLY | os.O_CREAT, dir_fd=descriptor))
        below = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    yield root
    resource.setrlimit(resource.RLIMIT_NOFILE, before)
    if root.exists():
        remove_tree(str(root))


def test_a_deep_tree_is_deleted(deep: Path) -> None:
    remove_tree(str(deep))
    assert not deep.exists()


def test_links_are_deleted_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/kept").touch()
    (tmp_path / "tree/a").mkdir(parents=True)
    (tmp_path / "tree/a/l").symlink_to(tmp_path / "outside")
    (tmp_path / "tree/l").symlink_to(tmp_path / "outside/kept")
    remove_tree("tree", dir_fd=os.open(tmp_path, os.O_RDONLY))
    assert sorted(os.listdir(tmp_path)) == ["outside"]
    assert os.listdir(tmp_path / "outside") == ["kept"]
    with pytest.raises(FileNotFoundError):
        remove_tree(str(tmp_path / "nosuch"))


def test_a_deep_tree_is_written_whole(deep: Path) -> None:
    descriptor = os.open(deep, os.O_RDONLY)
    reader = TarReader(tar_tree(descriptor), Limits(name_bytes=1 << 16))
    names = [entry.name for entry in reader if entry.name.endswith("f")]
    os.close(descriptor)
    assert len(names) == DEPTH // 10


def test_a_deep_tree_is_compared_and_sized(deep: Path, tmp_path: Path) -> None:
    assert len(list_changes(deep, [])) > 1500
    assert tree_size_bytes(deep) == 0
