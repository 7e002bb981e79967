"""Deterministic pseudo-random values from a seed, the same on every machine and for ever.

Not for anything secret. They come from a hash and not from Python's generator, whose sequences may change with its
version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_REFILL_BELOW = 1 << 64


class Dice:
    """A pseudo-random generator; each value depends on the seed and the number of values before."""

    def __init__(self, seed: str) -> None:
        self._seed = hashlib.blake2b(seed.encode()).digest()
        self._rounds = 0
        self._pool = 0

    def below(self, limit: int) -> int:
        """Return a number from 0 up to, not including, the limit (of at most 32 bits)."""
        if self._pool < _REFILL_BELOW:
            self._refill()
        self._pool, number = divmod(self._pool, limit)
        return number

    def between(self, first: int, last: int) -> int:
        """Return a number from first to last, both included."""
        return first + self.below(last - first + 1)

    def happens(self, times: int, *, of: int) -> bool:
        """Return True with a probability of `times` out of `of`."""
        return self.below(of) < times

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of the choices, all with the same probability."""
        return choices[self.below(len(choices))]

    def digits(self, count: int) -> str:
        """Return `count` decimal digits."""
        return f"{self.below(10**count):0{count}}"

    def sid(self, prefix: str) -> str:
        """Return a sid with this prefix."""
        self._refill()
        self._pool, number = divmod(self._pool, 1 << 128)
        return f"{prefix}{number:032x}"

    def _refill(self) -> None:
        digest = hashlib.blake2b(self._rounds.to_bytes(8), key=self._seed).digest()
        self._pool = int.from_bytes(digest)
        self._rounds += 1
