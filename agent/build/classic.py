"""Renders build events as Docker's classic builder prints them: the JSON messages that `POST /build` answers."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from agent.build.events import (
    BuildEvent,
    ContainerRemoved,
    ContainerStarted,
    ImageMade,
    Notice,
    OutputPiece,
    PullMessage,
    StageDone,
    StepCached,
    StepStarted,
    TriggersFound,
    Warned,
)  # fmt: skip
from agent.ports.images import Progress
from wire.errors import MooringError

__all__ = ["ClassicRenderer", "error_message"]

_RED, _PLAIN = "\x1b[91m", "\x1b[0m"
_SHORT_ID = 12


def short_id(identifier: str) -> str:
    """The twelve characters Docker shows of an id."""
    return identifier.removeprefix("sha256:")[:_SHORT_ID]


def error_message(error: MooringError) -> Progress:
    """The last message of a build that failed; `code` is there when a command's exit status is the reason."""
    detail: Progress = {"message": error.message}
    code = error.details.get("code")
    if isinstance(code, int):
        detail = {"code": code, "message": error.message}
    return {"errorDetail": detail, "error": error.message}


class ClassicRenderer:
    """Turns events into messages; keeps the halves of characters that output was cut in."""

    def __init__(self) -> None:
        self._decoders = {stream: codecs.getincrementaldecoder("utf-8")("replace") for stream in (1, 2)}

    def render(self, event: BuildEvent) -> Iterator[Progress]:
        """The messages for one event."""
        match event:
            case StepStarted():
                yield {"stream": f"Step {event.number}/{event.total} : {event.text}"}
                yield {"stream": "\n"}
            case StepCached():
                yield {"stream": " ---> Using cache\n"}
            case ContainerStarted():
                yield {"stream": f" ---> Running in {short_id(event.container_id)}\n"}
            case ContainerRemoved():
                yield {"stream": f" ---> Removed intermediate container {short_id(event.container_id)}\n"}
            case ImageMade():
                yield {"stream": f" ---> {short_id(event.image_id)}\n"}
            case StageDone():
                yield {"aux": {"ID": event.image_id}}
            case OutputPiece():
                text = self._decoders[event.stream].decode(event.data)
                if text:
                    yield {"stream": f"{_RED}{text}{_PLAIN}" if event.stream == 2 else text}
            case Notice():
                yield {"stream": event.text}
            case Warned():
                yield {"stream": f"{_RED}{event.text}{_PLAIN}"}
            case TriggersFound():
                yield {"stream": f"# Executing {event.count} build trigger"}
                if event.count > 1:
                    yield {"stream": "s"}
                yield {"stream": "\n"}
            case PullMessage():
                yield dict(event.message)
