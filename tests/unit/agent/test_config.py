"""Derived names and paths of the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import Config, instance_of
from wire import errors


def test_two_data_directories_share_no_name_on_the_host() -> None:
    one, other = Config(data=Path("/srv/a")), Config(data=Path("/srv/b"))
    assert one.instance == instance_of(Path("/srv/a"))
    for names in ("link_prefix", "nft_table", "cgroup_parent", "run", "socket"):
        assert getattr(one, names) != getattr(other, names)


def test_a_link_name_has_room_for_what_follows_the_prefix() -> None:
    assert len(Config(instance="abcdef").link_prefix) + 7 <= 15


@pytest.mark.parametrize("instance", ["toolong", "A", "a-b", "ä"])
def test_an_instance_that_cannot_be_a_link_name_is_refused(instance: str) -> None:
    with pytest.raises(errors.Invalid):
        Config(instance=instance)


def test_paths_become_absolute_whatever_the_working_directory() -> None:
    config = Config(data=Path("here"), run=Path("run"), socket=Path("s"))
    assert all(path.is_absolute() for path in (config.data, config.run, config.socket, config.journal))


def test_the_credential_is_not_shown() -> None:
    assert "hunter2" not in repr(Config(plane_credential="hunter2"))
