"""Who has which name on which network. Changing a name is changing a dict."""

from __future__ import annotations

import random
from collections.abc import Sequence

from agent.network.sandbox import Attachment
from agent.ports.network import Endpoint

__all__ = ["Zone"]


class Zone:
    """The names of all user-defined networks. Used on the event loop only."""

    def __init__(self) -> None:
        self._endpoints: dict[tuple[str, str], Endpoint] = {}  # (network id, container id)
        self._names: dict[str, dict[str, dict[str, Endpoint]]] = {}  # network id -> name -> container id
        self._pointers: dict[str, dict[str, Endpoint]] = {}  # network id -> address

    def add(self, endpoint: Endpoint) -> None:
        """Make an endpoint's names known, replacing what it had."""
        self.remove(endpoint.container_id, endpoint.network_id)
        if not endpoint.dns_names:
            return
        self._endpoints[endpoint.network_id, endpoint.container_id] = endpoint
        names = self._names.setdefault(endpoint.network_id, {})
        for name in endpoint.dns_names:
            names.setdefault(name.lower(), {})[endpoint.container_id] = endpoint
        pointers = self._pointers.setdefault(endpoint.network_id, {})
        for address in _addresses(endpoint):
            pointers[address] = endpoint

    def remove(self, container_id: str, network_id: str) -> None:
        """Forget a container's names on a network; safe to repeat."""
        endpoint = self._endpoints.pop((network_id, container_id), None)
        if endpoint is None:
            return
        names, pointers = self._names[network_id], self._pointers[network_id]
        for name in {name.lower() for name in endpoint.dns_names}:
            names[name].pop(container_id, None)
            if not names[name]:
                del names[name]
        for address in _addresses(endpoint):
            if pointers.get(address) is endpoint:
                del pointers[address]
        if not names:
            del self._names[network_id], self._pointers[network_id]

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


def _addresses(endpoint: Endpoint) -> list[str]:
    return [address for address in (endpoint.ipv4_address, endpoint.ipv6_address) if address]
