"""JSON by orjson: a list answer costs a fraction of the standard encoder's time."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import orjson
from rest_framework.renderers import BaseRenderer

__all__ = ["OrjsonRenderer"]


def _default(value: Any) -> Any:
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


class OrjsonRenderer(BaseRenderer):
    """Render as UTF-8 JSON."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """Return `data` as JSON bytes; None (a 204) is empty."""
        return b"" if data is None else orjson.dumps(data, default=_default, option=orjson.OPT_NON_STR_KEYS)
