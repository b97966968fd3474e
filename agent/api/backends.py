"""What the API's handlers call: the rooms below, given by the composition root."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.build.builder import Builder
    from agent.engine.engine import Engine

__all__ = ["Backends"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backends:
    """`doctor` examines the host (takes a moment); `facts` reads its load (cheap); `scratch` is for what is fetched."""

    engine: Engine
    builder: Builder
    doctor: Callable[[], Awaitable[Mapping[str, Any]]]
    facts: Callable[[], Mapping[str, Any]]
    scratch: Path
