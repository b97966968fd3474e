"""Take everything of one agent's networking off the host: namespaces, links, the firewall table."""

from __future__ import annotations

import contextlib

from agent.config import Config
from agent.network import firewall, nftables
from agent.network.kernel import Kernel
from agent.network.worker import Worker

__all__ = ["remove_everything"]


def remove_everything(config: Config) -> list[str]:
    """Remove it all and return what was there. For an agent that does not run; uses the calling thread, in which
    nothing else may happen meanwhile. Safe to repeat."""
    worker = Worker("removal")  # only its sockets: they belong to whoever calls
    kernel = Kernel(worker, prefix=config.link_prefix, instance=config.instance)
    try:
        removed = kernel.collect(netns_directory=config.netns, sandboxes=(), host_links=(), bridges=())
        with contextlib.suppress(nftables.NftError):
            kernel.apply([firewall.delete_table(config.nft_table)])
    finally:
        worker.close_sockets()
    return removed
