"""Chance that is none: a sequence settled by its seed, on every machine and for ever.

Not for anything secret. It rests on a hash and not on Python's own generator, whose sequences may change with its
version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_REFILL_BELOW = 1 << 64


class Dice:
    """Throws that follow from the seed and from the throws before."""

    def __init__(self, seed: str) -> None:
        self._seed = hashlib.blake2b(seed.encode()).digest()
        self._rounds = 0
        self._pool = 0

    def below(self, limit: int) -> int:
        """A number from 0 up to, not including, the limit (of at most 32 bits)."""
        if self._pool < _REFILL_BELOW:
            self._refill()
        self._pool, number = divmod(self._pool, limit)
        return number

    def between(self, first: int, last: int) -> int:
        """A number from first to last, both included."""
        return first + self.below(last - first + 1)

    def happens(self, times: int, *, of: int) -> bool:
        """True so many times out of so many."""
        return self.below(of) < times

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices, all alike."""
        return choices[self.below(len(choices))]

    def digits(self, count: int) -> str:
        """Decimal digits."""
        return f"{self.below(10**count):0{count}}"

    def sid(self, prefix: str) -> str:
        """A sid with this prefix."""
        self._refill()
        self._pool, number = divmod(self._pool, 1 << 128)
        return f"{prefix}{number:032x}"

    def _refill(self) -> None:
        digest = hashlib.blake2b(self._rounds.to_bytes(8), key=self._seed).digest()
        self._pool = int.from_bytes(digest)
        self._rounds += 1
