"""Lines of a body, many at a time: nothing is done for each of them before they are read as records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple


class Lines(NamedTuple):
    """Some lines of a body, or elements of an array, one after the other."""

    numbers: Sequence[int]
    """The number of each, from 1. Empty lines are counted and left out."""

    texts: Sequence[bytes]


NO_LINES: Final = Lines((), ())
