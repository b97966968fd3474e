"""Events as Docker's classic builder prints them."""

from __future__ import annotations

import pytest

from agent.build.classic import ClassicRenderer, error_message
from agent.build.events import (
    BuildEvent,
    ContainerRemoved,
    ContainerStarted,
    ImageMade,
    OutputPiece,
    StageDone,
    StepCached,
    StepStarted,
    TriggersFound,
    Warned,
)  # fmt: skip
from wire.errors import Internal, Invalid

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("event", "streams"),
    [
        (StepStarted(1, 3, "FROM busybox"), ["Step 1/3 : FROM busybox", "\n"]),
        (StepCached(), [" ---> Using cache\n"]),
        (ContainerStarted("ab" * 32), [" ---> Running in abababababab\n"]),
        (ContainerRemoved("ab" * 32), [" ---> Removed intermediate container abababababab\n"]),
        (ImageMade(DIGEST), [" ---> 0123456789ab\n"]),
        (ImageMade(""), [" ---> \n"]),
        (TriggersFound(1), ["# Executing 1 build trigger", "\n"]),
        (TriggersFound(2), ["# Executing 2 build trigger", "s", "\n"]),
        (Warned("careful\n"), ["\x1b[91mcareful\n\x1b[0m"]),
        (OutputPiece(1, b"out\n"), ["out\n"]),
        (OutputPiece(2, b"err\n"), ["\x1b[91merr\n\x1b[0m"]),
    ],
)
def test_events(event: BuildEvent, streams: list[str]) -> None:
    assert [message["stream"] for message in ClassicRenderer().render(event)] == streams


def test_a_stage_tells_its_whole_id() -> None:
    assert list(ClassicRenderer().render(StageDone(DIGEST))) == [{"aux": {"ID": DIGEST}}]


def test_a_character_cut_in_two_is_put_together_within_its_stream() -> None:
    renderer = ClassicRenderer()
    first, second = "é".encode()[:1], "é".encode()[1:]
    assert list(renderer.render(OutputPiece(1, first))) == []
    assert list(renderer.render(OutputPiece(2, b"x"))) == [{"stream": "\x1b[91mx\x1b[0m"}]
    assert list(renderer.render(OutputPiece(1, second))) == [{"stream": "é"}]


def test_errors_carry_the_exit_status() -> None:
    assert error_message(Internal("failed", code=3)) == {
        "errorDetail": {"code": 3, "message": "failed"},
        "error": "failed",
    }
    assert error_message(Invalid("wrong")) == {"errorDetail": {"message": "wrong"}, "error": "wrong"}
