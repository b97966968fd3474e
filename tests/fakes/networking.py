"""The product's own fake networking, with nothing kept."""

from __future__ import annotations

from agent.network import fake
from tests.fakes.store import MemoryStore

__all__ = ["FakeNetworking"]


class FakeNetworking(fake.FakeNetworking):
    """See `agent.network.fake`."""

    def __init__(self) -> None:
        super().__init__(MemoryStore())
