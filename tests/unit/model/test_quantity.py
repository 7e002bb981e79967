from __future__ import annotations

from datetime import timedelta

import pytest

from dayfile.model.quantity import count_text, lifetime_text, size_text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9_949, "9.9 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (12_300_000, "12 MB"),
        (5_000_000_000_000, "5.0 TB"),
    ],
)
def test_sizes_read_as_people_say_them(size: int, text: str) -> None:
    """A number that rounds up into the next unit must not show as 1000 of the smaller one."""
    assert size_text(size) == text


def test_one_of_a_thing_is_not_several() -> None:
    """Messages are read by people."""
    assert [count_text(1, "day"), count_text(0, "day"), count_text(12345, "record")] == [
        "1 day",
        "0 days",
        "12,345 records",
    ]


@pytest.mark.parametrize(
    ("hours", "text"),
    [(1, "1 hour"), (12, "12 hours"), (24, "24 hours"), (36, "36 hours"), (48, "2 days"), (168, "7 days")],
)
def test_what_was_decided_is_told_in_whole_units(hours: int, text: str) -> None:
    """A page says of a token what the command says: 24 hours, and not one day and no hours."""
    assert lifetime_text(timedelta(hours=hours)) == text
    assert lifetime_text(timedelta(seconds=90)) == "1 min"
