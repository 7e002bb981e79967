from __future__ import annotations

import pytest

from dayfile.model.quantity import count_text, size_text


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
