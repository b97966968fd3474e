"""The agent killed at each step that leaves something on the host: the next one finds every thing or removes it."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from agent.network import removal
from agent.network.networking import LinuxNetworking
from agent.ports.network import EndpointSpec, NetworkSpec, PortRequest
from agent.storage.sqlite import SqliteStore
from agent.volumes.local import LocalVolumes
from tests.integration.network.lab import run
from tests.integration.network.test_recovery import links, until_gone
from tests.integration.network.victim import CONTAINER, IMAGE_FILE, KEPT, config_of

pytestmark = pytest.mark.root

POINTS = [
    "network.after_bridge",
    "network.after_netns",
    "network.after_veth",
    "network.before_sandbox_file",
    "network.after_port_rule",
    "network.after_netns_dropped",
    "network.after_bridge_removed",
    "volumes.after_directory",
    "volumes.after_mount",
    "volumes.before_copy_renamed",
    "volumes.after_set_aside",
    "volumes.after_row_removed",
]


@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize("point", POINTS)
async def test_what_a_killed_agent_left_is_found_or_removed(tmp_path: Path, point: str) -> None:
    assert await _victim(tmp_path, point) == -signal.SIGKILL, "the failpoint was not reached"
    running = [KEPT]  # the first container is complete and runs: its parts must stay

    config = config_of(tmp_path)
    store = SqliteStore(config.journal)
    networking, volumes = LinuxNetworking(config, store), LocalVolumes(config, store)
    await networking.start()
    try:
        await networking.recover(running)
        await volumes.recover({"vol-kept": running})
        sandboxes = {path.stem for path in config.sandboxes.iterdir()}
        assert {path.name for path in config.netns.iterdir()} == set(running) == sandboxes
        rules = run("nft", "list", "table", "inet", config.nft_table)
        assert ("18200" in rules, "18201" in rules) == (True, False)
        bridges = {item.link for item in networking._networks.all() if item.link}
        veths = {f"movicv{item.id[:6]}" for item in networking.sandbox_endpoints(KEPT)}
        async with asyncio.timeout(30):
            while {name for name in links() if name.startswith("movic")} != bridges | veths:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        kept = {volume.name for volume in volumes.list()}
        assert not list(config.volumes.glob(".gone*"))
        assert all((config.volumes / name / "_data").is_dir() for name in kept)
        await _again(tmp_path, networking, volumes)
    finally:
        await networking.recover([])
        await networking.close()
        await store.close()
        removal.remove_everything(config)
        await until_gone({name for name in links() if name.startswith("movic")})


async def _again(root: Path, networking: LinuxNetworking, volumes: LocalVolumes) -> None:
    """What was interrupted can be done now."""
    known = {network.spec.name for network in networking.networks()}
    if "net-web" not in known:
        await networking.create_network(NetworkSpec(name="net-web"))
    await networking.open_sandbox(CONTAINER)
    await networking.connect(CONTAINER, "web", networking.get_network("net-web").id, EndpointSpec())
    await networking.publish(CONTAINER, [PortRequest(container_port=80, protocol="tcp", host_port_start=18201)])
    await volumes.create("vol-web")
    target = await volumes.mount("vol-web", CONTAINER)
    await volumes.copy_up("vol-web", root / "rootfs", "/srv")
    assert (target / "file").read_text() == IMAGE_FILE
    await volumes.unmount("vol-web", CONTAINER)


async def _victim(root: Path, point: str) -> int:
    """Run the victim until `point` kills it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.network.victim", str(root), point
    )
    async with asyncio.timeout(30):
        return await process.wait()
