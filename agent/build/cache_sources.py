"""`--cache-from`: images, pulled perhaps, whose own history says which steps they hold already.

When a build names such images only they count: a step known here is used if it is on the way to one of them, and a
step of theirs is used if everything before it is the same, layer by layer. It is then made an image here, cut from
theirs. Once a step came from one of them, the others are not looked at any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agent.ports.images import Image, Images
from wire.errors import NotFound

__all__ = ["CacheSources"]

_LINES_MAX = 1024


class CacheSources:
    """The images of one build. A reference that names none here is left out, as Docker does."""

    def __init__(self, images: Images, refs: Sequence[str]) -> None:
        self._images = images
        self._sources: list[Image] = []
        for ref in refs:
            image = self._find(ref)
            if image is not None:
                self._sources.append(image)

    def _find(self, ref: str) -> Image | None:
        try:
            return self._images.resolve(ref)
        except NotFound:
            return None

    def leads_to(self, image_id: str) -> bool:
        """Whether an image is one of them or a parent of one, however far up."""
        return any(self._descends(source, image_id) for source in self._sources)

    def _descends(self, source: Image, image_id: str) -> bool:
        image: Image | None = source
        for _ in range(_LINES_MAX):
            if image is None:
                return False
            if image.id == image_id:
                return True
            image = self._find(image.parent) if image.parent else None
        return False

    async def find_step(self, parent_id: str, created_by: str, document: Mapping[str, Any]) -> str | None:
        """The image after a step that one of them holds, made here if need be with `document` as its config."""
        parent = self._find(parent_id) if parent_id else None
        for source in self._sources:
            past = _history(parent)
            future = _history(source)
            if not _begins_with(source, parent) or future[len(past)].get("created_by", "") != created_by:
                continue
            if len(future) == len(past) + 1:
                return source.id
            made = {**document, "created": future[len(past)].get("created", document["created"])}
            image_id = await self._images.cut_image(
                source.id, history_length=len(past) + 1, parent=parent_id, config=made
            )
            self._sources = [source]
            return image_id
        return None


def _history(image: Image | None) -> list[Mapping[str, Any]]:
    entries: Any = image.config.get("history") if image is not None else None
    return list(entries or ())


def _begins_with(source: Image, parent: Image | None) -> bool:
    """Whether `source` has everything of `parent` and at least one step more."""
    past, future = _history(parent), _history(source)
    if not future:
        return False
    if parent is None or (not past and not parent.diff_ids):
        return True
    layers = len(parent.diff_ids)
    return len(past) < len(future) and future[: len(past)] == past and source.diff_ids[:layers] == parent.diff_ids
