"""What only the local driver does: attributes in copies, mounts of options, recovery."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from agent.config import Config
from agent.host import failpoints, mounts
from agent.volumes.local import LocalVolumes
from tests.fakes.store import MemoryStore
from wire.errors import Internal


def _volumes(root: Path, store: MemoryStore | None = None) -> LocalVolumes:
    return LocalVolumes(Config(data=root), store or MemoryStore())


@pytest.mark.root
async def test_copy_up_keeps_owner_mode_links_and_attributes(tmp_path: Path) -> None:
    source = tmp_path / "rootfs/srv"
    source.mkdir(parents=True)
    os.chown(source, 33, 44)
    source.chmod(0o2750)
    (source / "tool").write_bytes(b"#!")
    os.chown(source / "tool", 1000, 1000)
    os.chmod(source / "tool", 0o4711)
    os.setxattr(source / "tool", "user.note", b"kept")
    os.link(source / "tool", source / "same")
    os.mkfifo(source / "pipe")
    volumes = _volumes(tmp_path / "data")
    await volumes.create("data")
    target = await volumes.mount("data", "c1")
    await volumes.copy_up("data", tmp_path / "rootfs", "/srv")
    top, tool = target.stat(), (target / "tool").stat()
    assert (top.st_uid, top.st_gid, stat.S_IMODE(top.st_mode)) == (33, 44, 0o2750)
    assert (tool.st_uid, stat.S_IMODE(tool.st_mode), tool.st_nlink) == (1000, 0o4711, 2)
    assert os.getxattr(target / "tool", "user.note") == b"kept"
    assert stat.S_ISFIFO((target / "pipe").stat().st_mode)


async def test_copy_up_never_leaves_the_image(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("host")
    rootfs = tmp_path / "rootfs"
    rootfs.mkdir()
    os.symlink(tmp_path / "secret", rootfs / "data")
    volumes = _volumes(tmp_path / "agent")
    await volumes.create("data")
    target = await volumes.mount("data", "c1")
    await volumes.copy_up("data", rootfs, "/data")
    assert list(target.iterdir()) == []


async def test_names_as_long_as_a_file_name_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    volumes = _volumes(tmp_path, store)
    longest = "a" * 255
    await volumes.create(longest)
    with monkeypatch.context() as patch:
        patch.setattr(failpoints, "_NAME", "volumes.after_set_aside")
        patch.setattr(failpoints, "_ACTION", "error")
        with pytest.raises(Internal, match="failpoint"):
            await volumes.remove(longest)
    again = _volumes(tmp_path, store)
    await again.recover({})
    assert list(again.list()) == []
    await again.create(longest)
    await again.remove(longest)
    assert os.listdir(tmp_path / "volumes") == []
    with pytest.raises(Internal, match=r"error while creating volume root path '.*': mkdir .*: file name too long"):
        await again.create("a" * 256)
    assert list(again.list()) == []


@pytest.mark.root
async def test_options_are_mounted_for_the_first_user_and_unmounted_after_the_last(tmp_path: Path) -> None:
    volumes = _volumes(tmp_path)
    await volumes.create("cache", options={"type": "tmpfs", "device": "tmpfs", "o": "size=1m,uid=1000,nosuid"})
    target = await volumes.mount("cache", "c1")
    try:
        await volumes.mount("cache", "c2")
        entry = next(entry for entry in mounts.iter_mounts() if entry.mountpoint == str(target))
        assert (entry.fstype, "nosuid" in entry.options) == ("tmpfs", True)
        assert "size=1024k" in entry.super_options
        await volumes.unmount("cache", "c1")
        assert mounts.is_mounted(target)
        await volumes.unmount("cache", "c2")
        assert not mounts.is_mounted(target)
    finally:
        mounts.unmount(target)


@pytest.mark.root
async def test_a_mount_that_fails_says_what_was_tried(tmp_path: Path) -> None:
    volumes = _volumes(tmp_path)
    await volumes.create("data", options={"type": "none", "device": "/nowhere/at/all", "o": "bind"})
    target = volumes.get("data").mountpoint
    with pytest.raises(Internal) as caught:
        await volumes.mount("data", "c1")
    assert caught.value.message == (
        f"error while mounting volume '{target}': failed to mount local volume: mount /nowhere/at/all:{target}, "
        "flags: 0x1000: no such file or directory"
    )
    await volumes.remove("data")


async def test_a_removal_that_was_interrupted_is_finished(tmp_path: Path) -> None:
    store = MemoryStore()
    volumes = _volumes(tmp_path, store)
    await volumes.create("data")
    await volumes.create("kept")
    os.rename(tmp_path / "volumes/data", tmp_path / "volumes/.gone-data")
    again = _volumes(tmp_path, store)
    await again.recover({})
    assert [volume.name for volume in again.list()] == ["kept"]
    assert sorted(entry.name for entry in (tmp_path / "volumes").iterdir()) == ["kept"]


async def test_a_server_without_an_address_is_told_as_docker_tells_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def explain(host: str) -> str:
        return f"lookup {host} on 192.0.2.53:53: no such host"

    monkeypatch.setattr("agent.volumes.local.explain_failure", explain)
    volumes = _volumes(tmp_path)
    await volumes.create("share", options={"type": "nfs", "device": ":/x", "o": "addr=nas.invalid"})
    with pytest.raises(Internal) as caught:
        await volumes.mount("share", "c1")
    assert caught.value.message == (
        f"error while mounting volume '{tmp_path}/volumes/share/_data': error resolving passed in network volume "
        "address: lookup nas.invalid on 192.0.2.53:53: no such host"
    )


@pytest.mark.root
async def test_recovery_unmounts_what_no_running_container_uses(tmp_path: Path) -> None:
    store = MemoryStore()
    volumes = _volumes(tmp_path, store)
    options = {"type": "tmpfs", "device": "tmpfs"}
    for name in ("used", "idle"):
        await volumes.create(name, options=options)
    used, idle = await volumes.mount("used", "c1"), await volumes.mount("idle", "c2")
    try:
        again = _volumes(tmp_path, store)
        await again.recover({"used": ["c1"]})
        assert mounts.is_mounted(used)
        assert not mounts.is_mounted(idle)
        await again.unmount("used", "c1")
        assert not mounts.is_mounted(used)
    finally:
        mounts.unmount(used)
        mounts.unmount(idle)
