"""A process that makes and removes networks, sandboxes and volumes until a failpoint kills it.

`python -m tests.integration.network.victim DIRECTORY POINT`: the failpoint is armed when the first container is
complete.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from agent.config import Config
from agent.host import failpoints
from agent.network.networking import LinuxNetworking
from agent.ports.network import EndpointSpec, NetworkSpec, PortRequest
from agent.storage.sqlite import SqliteStore
from agent.volumes.local import LocalVolumes

__all__ = ["CONTAINER", "IMAGE_FILE", "KEPT", "config_of", "work"]

KEPT, CONTAINER = "a" * 64, "b" * 64
IMAGE_FILE = "from the image"


def config_of(root: Path) -> Config:
    return Config(data=root / "data", run=root / "run", instance="vic")


async def work(root: Path, point: str) -> None:
    """One container that is complete and stays, one that goes through everything."""
    config = config_of(root)
    store = SqliteStore(config.journal)
    networking, volumes = LinuxNetworking(config, store), LocalVolumes(config, store)
    await networking.start()
    for container_id, name, port in ((KEPT, "kept", 18200), (CONTAINER, "web", 18201)):
        network = await networking.create_network(NetworkSpec(name=f"net-{name}"))
        await networking.open_sandbox(container_id)
        await networking.connect(container_id, name, network.id, EndpointSpec())
        await networking.publish(container_id, [PortRequest(container_port=80, protocol="tcp", host_port_start=port)])
        await _use_volume(volumes, root, name, container_id)
        failpoints._NAME = point
    await networking.close_sandbox(CONTAINER)
    await networking.remove_network(networking.get_network("net-web").id)
    await volumes.unmount("vol-web", CONTAINER)
    await volumes.remove("vol-web")


async def _use_volume(volumes: LocalVolumes, root: Path, name: str, container_id: str) -> None:
    source = root / "rootfs/srv"
    source.mkdir(parents=True, exist_ok=True)
    (source / "file").write_text(IMAGE_FILE)
    await volumes.create(f"vol-{name}")
    await volumes.mount(f"vol-{name}", container_id)
    await volumes.copy_up(f"vol-{name}", root / "rootfs", "/srv")


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), sys.argv[2]))
