"""The process that the kill tests kill: `python -m tests.integration.images.victim ROOT VERB [REF]` does one thing."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from agent.images.images import LocalImages
from agent.storage.sqlite import SqliteStore
from tests.fakes.images import add_image


async def main(root: Path, verb: str, ref: str) -> None:
    store = SqliteStore(root / "journal.sqlite3")
    images = LocalImages(root / "images", store, retry_s=0.01)
    await images.start()
    if verb == "pull":
        async for _ in images.pull(ref):
            pass
    elif verb == "import":
        await add_image(images, "app", "1", files={"a": b"x", "b": b"y"})
    elif verb == "delete":
        image = images.resolve("app:1")
        await images.untag("app:1")
        await images.delete(image.id)
    elif verb == "run":
        await images.prepare("c1", images.resolve("app:1").id)
        rootfs = await images.mount("c1")
        (rootfs.path / "new").write_text("written")
    elif verb == "commit":
        await images.commit("c1", config={}, repo="app", tag="2")
    elif verb == "remove":
        await images.remove("c1")
    await images.close()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else ""))
