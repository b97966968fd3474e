"""What happens during a build, told without saying how it is shown: the neutral stream every front renders.

A build's events come in the order of its Dockerfile, also where stages run at the same time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = [
    "BuildEvent", "ContainerRemoved", "ContainerStarted", "ImageMade", "Notice", "OutputPiece", "PullMessage",
    "StageDone", "StepCached", "StepStarted", "TriggersFound", "Warned",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class StepStarted:
    """An instruction begins; `number` counts from 1 to `total`."""

    number: int
    total: int
    text: str


@dataclass(frozen=True, slots=True)
class StepCached:
    """The step's result was known already."""


@dataclass(frozen=True, slots=True)
class ContainerStarted:
    """The step works in this container."""

    container_id: str


@dataclass(frozen=True, slots=True)
class ContainerRemoved:
    """The step's container is gone again."""

    container_id: str


@dataclass(frozen=True, slots=True)
class ImageMade:
    """The step is done and the stage is now this image; "" for an empty one."""

    image_id: str


@dataclass(frozen=True, slots=True)
class StageDone:
    """A stage is complete."""

    image_id: str


@dataclass(frozen=True, slots=True)
class OutputPiece:
    """Bytes that a RUN command wrote: stream 1 is its output, 2 its errors."""

    stream: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Notice:
    """A line for the user."""

    text: str


@dataclass(frozen=True, slots=True)
class Warned:
    """A line of warning for the user."""

    text: str


@dataclass(frozen=True, slots=True)
class TriggersFound:
    """The base image has this many ONBUILD triggers, which run now."""

    count: int


@dataclass(frozen=True, slots=True)
class PullMessage:
    """A message of an image pull, in Docker's shape."""

    message: Mapping[str, object]


BuildEvent = (
    StepStarted | StepCached | ContainerStarted | ContainerRemoved | ImageMade | StageDone | OutputPiece | Notice
    | Warned | TriggersFound | PullMessage
)  # fmt: skip
