"""Durations read as they do in `docker ps`."""

from __future__ import annotations

import pytest

from wire.durations import human_duration

_DAY = 86400


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "Less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "About a minute"),
        (120, "2 minutes"),
        (3599, "59 minutes"),
        (3600, "About an hour"),
        (5400, "2 hours"),
        (47 * 3600, "47 hours"),
        (49 * 3600, "2 days"),
        (20 * _DAY, "2 weeks"),
        (70 * _DAY, "2 months"),
        (800 * _DAY, "2 years"),
    ],
)
def test_a_duration_in_dockers_words(seconds: float, words: str) -> None:
    assert human_duration(seconds) == words
