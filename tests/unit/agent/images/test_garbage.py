"""Any order of making, naming, using and deleting: what is reachable is whole, what is not is gone."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.fakes.images import FakeImages, add_image
from tests.fakes.store import MemoryStore
from wire.errors import MooringError

_T = TypeVar("_T")
names = st.sampled_from(["a", "b", "c"])
containers = st.sampled_from(["c1", "c2", "c3"])
picks = st.integers(0, 100)


class Garbage(RuleBasedStateMachine):
    """Images in a directory and a store; now and then the agent is restarted on them."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.root = Path(tempfile.mkdtemp(prefix="images-garbage-"))
        self.store = MemoryStore()
        self.images = FakeImages(self.root, self.store)
        self.do(self.images.start())
        self.roots: set[str] = set()

    def do(self, work: Awaitable[_T]) -> _T:
        return self.loop.run_until_complete(work)  # type: ignore[arg-type]

    def teardown(self) -> None:
        self.do(self.images.close())
        self.loop.close()
        shutil.rmtree(self.root)

    def pick(self, number: int) -> Any:
        images = self.images.list()
        return images[number % len(images)] if images else None

    @rule(name=names, content=st.sampled_from([b"1", b"2", b"3"]))
    def make(self, name: str, content: bytes) -> None:
        self.do(add_image(self.images, name, files={"f": content}))

    @rule(number=picks, container=containers)
    def derive(self, number: int, container: str) -> None:
        image = self.pick(number)
        if image is None or container in self.roots:
            return
        rootfs = self.do(self.images.prepare(container, image.id))
        (rootfs.upper / "new").write_text(str(number % 3))
        self.do(self.images.commit(container, config={}, repo="derived", tag=str(number % 3)))
        self.do(self.images.remove(container))

    @rule(number=picks, name=names)
    def tag(self, number: int, name: str) -> None:
        if image := self.pick(number):
            self.do(self.images.tag(image.id, name, "x"))

    @rule(number=picks)
    def remove(self, number: int) -> None:
        if image := self.pick(number):
            for name in (*image.repo_tags, *image.repo_digests):
                self.do(self.images.untag(name))
            self.do(self.images.delete(image.id))

    @rule(number=picks, container=containers)
    def use(self, number: int, container: str) -> None:
        image = self.pick(number)
        if image is not None and container not in self.roots:
            self.do(self.images.prepare(container, image.id))
            self.roots.add(container)

    @rule(container=containers)
    def stop_using(self, container: str) -> None:
        self.do(self.images.remove(container))
        self.roots.discard(container)

    @rule(number=picks)
    def delete_while_saving(self, number: int) -> None:
        image = self.pick(number)
        if image is None:
            return

        async def both() -> None:
            stream = self.images.save([image.id])
            await anext(stream)
            for name in image.repo_tags:
                await self.images.untag(name)
            await self.images.delete(image.id)
            blobs = self.images._content.blobs  # what is being read stays to its end
            assert blobs.has(image.id)
            assert all(blobs.has(diff_id) for diff_id in image.diff_ids)
            async for _ in stream:
                pass

        self.do(both())

    @rule()
    def restart(self) -> None:
        self.do(self.images.close())
        self.images = FakeImages(self.root, self.store)
        self.do(self.images.start())
        self.do(self.images.recover(sorted(self.roots)))

    @invariant()
    def disk_and_rows_agree(self) -> None:
        catalog = self.images._catalog
        found = self.images.list()
        used = {d for image in found for d in image.diff_ids}
        used |= {d for c in self.roots if (row := catalog.root(c)) for d in row.diff_ids}
        assert set(catalog.layers()) == used
        assert {f"sha256:{name}" for name in os.listdir(self.root / "layers")} == used
        assert {f"sha256:{name}" for name in os.listdir(self.root / "blobs/sha256")} == catalog.named_blobs()
        assert set(os.listdir(self.root / "roots")) == self.roots == set(catalog.root_ids())
        for image in found:
            for name in (*image.repo_tags, image.id):
                assert self.images.resolve(name).id == image.id
            try:
                self.do(self.read(image.id))
            except MooringError as error:
                raise AssertionError(f"{image.id} is not whole") from error

    async def read(self, image_id: str) -> None:
        async for _ in self.images.save([image_id]):
            pass


TestGarbage = Garbage.TestCase
TestGarbage.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
