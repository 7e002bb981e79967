"""Odd lines: what is out of the ordinary about lines that are read together, and where."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


class OddError(Exception):
    """Something about some lines is out of the ordinary; the number of those before it, or fewer, that may not be."""

    def __init__(self, before: int, *, is_of_types: bool = False) -> None:
        """Say with `is_of_types` that the lines are JSON, and a more tolerant codec may read them."""
        super().__init__(before)
        self.before = before
        self.is_of_types = is_of_types


class OddLines(OddError):
    """Some lines are out of the ordinary, at these places; the others may be read without them."""

    def __init__(self, places: Sequence[int]) -> None:
        """Take at least one place, in order."""
        super().__init__(places[0])
        self.places = places


def check_each(values: Sequence[Any], is_fine: Callable[[Any], bool]) -> None:
    """Raise OddError for the first value that is not fine."""
    for at, value in enumerate(values):
        if not is_fine(value):
            raise OddError(at)


def odd_places(values: Sequence[Any], are_fine: Callable[[Sequence[Any]], bool], *, most: int) -> list[int]:
    """Return the places of values that are not fine, of which there is one; the first ones if they are over `most`."""
    found: list[int] = []
    halves = [(0, len(values))]
    while halves and len(found) <= most:
        start, stop = halves.pop()
        if are_fine(values[start:stop]):
            continue
        if stop - start == 1:
            found.append(start)
        else:
            middle = (start + stop) // 2
            halves += [(middle, stop), (start, middle)]
    return found
