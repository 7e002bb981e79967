"""Randomness that a test can repeat."""

from __future__ import annotations

import hashlib
import itertools


class SeededRandomness:
    """The same values in the same order for the same seed; no value comes twice, to whichever thread."""

    def __init__(self, seed: str = "dayfile") -> None:
        self._seed = seed
        self._numbers = itertools.count(1)

    def hex(self, digits: int) -> str:
        return self.octets((digits + 1) // 2).hex()[:digits]

    def alphanumeric(self, length: int) -> str:
        return self.hex(length)

    def octets(self, count: int) -> bytes:
        return hashlib.shake_256(f"{self._seed}/{next(self._numbers)}".encode()).digest(count)
