"""Randomness that a test can repeat."""

from __future__ import annotations

import hashlib


class SeededRandomness:
    """The same values in the same order for the same seed; no value comes twice."""

    def __init__(self, seed: str = "dayfile") -> None:
        self._seed = seed
        self._drawn = 0

    def hex(self, digits: int) -> str:
        return self.octets((digits + 1) // 2).hex()[:digits]

    def alphanumeric(self, length: int) -> str:
        return self.hex(length)

    def octets(self, count: int) -> bytes:
        self._drawn += 1
        return hashlib.shake_256(f"{self._seed}/{self._drawn}".encode()).digest(count)
