"""Who has which name on which network. Changing a name is changing a dict."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

from agent.network.sandbox import Attachment
from agent.ports.network import Endpoint

__all__ = ["Zone"]


class Zone:
    """The names of all user-defined networks. Used on the event loop only."""

    def __init__(self) -> None:
        self._names: dict[str, dict[str, dict[str, Endpoint]]] = defaultdict(lambda: defaultdict(dict))
        self._pointers: dict[str, dict[str, Endpoint]] = defaultdict(dict)

    def add(self, endpoint: Endpoint) -> None:
        """Make an endpoint's names known, replacing what it had."""
        self.remove(endpoint.container_id, endpoint.network_id)
        names = self._names[endpoint.network_id]
        for name in endpoint.dns_names:
            names[name.lower()][endpoint.container_id] = endpoint
        for address in (endpoint.ipv4_address, endpoint.ipv6_address):
            if address and endpoint.dns_names:
                self._pointers[endpoint.network_id][address] = endpoint

    def remove(self, container_id: str, network_id: str) -> None:
        """Forget a container's names on a network; safe to repeat."""
        names = self._names.get(network_id, {})
        for name in [name for name, owners in names.items() if container_id in owners]:
            del names[name][container_id]
            if not names[name]:
                del names[name]
        pointers = self._pointers.get(network_id, {})
        for address in [key for key, owner in pointers.items() if owner.container_id == container_id]:
            del pointers[address]
        if not names:
            self._names.pop(network_id, None)
        if not pointers:
            self._pointers.pop(network_id, None)

    def find(self, name: str, attachments: Sequence[Attachment]) -> list[Endpoint]:
        """The containers of this name that one with `attachments` can reach, in random order.

        The name may end in a network's name. The first network that knows it decides, so no answer mixes networks.
        Aliases of `links` come first and are known to their container alone.
        """
        labels = name.split(".")
        for cut in range(len(labels), 0, -1):
            wanted, network = ".".join(labels[:cut]), ".".join(labels[cut:])
            for item in attachments:
                if not item.user_defined or (network and item.endpoint.network_name.lower() != network):
                    continue
                known = self._names.get(item.endpoint.network_id, {})
                for link in item.spec.links:
                    container, _, alias = link.partition(":")
                    if (alias or container).lower() == wanted and container.lower() in known:
                        return list(known[container.lower()].values())
                if wanted in known:
                    found = list(known[wanted].values())
                    random.shuffle(found)
                    return found
        return []

    def find_pointer(self, address: str, attachments: Sequence[Attachment]) -> str:
        """The name of an address on one of these networks, `container.network`; "" when nobody has it."""
        for item in attachments:
            owner = self._pointers.get(item.endpoint.network_id, {}).get(address)
            if owner is not None:
                return f"{owner.container_name}.{owner.network_name}"
        return ""
