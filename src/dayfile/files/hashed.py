"""Bytes that are hashed and counted on their way from one place to another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from dayfile.files.storage import Bytes

B = TypeVar("B", bound=Bytes)


class Hashed(Generic[B]):
    """Blocks that are handed on as they are; their size and their SHA-256 are those of the blocks handed on so far."""

    def __init__(self, blocks: Iterable[B]) -> None:
        """Take the blocks, which are asked for when somebody asks for these."""
        self._blocks = blocks
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    def __iter__(self) -> Iterator[B]:
        for block in self._blocks:
            self._digest.update(block)
            self.size_bytes += len(block)
            yield block

    @property
    def sha256(self) -> str:
        """The SHA-256, in hexadecimal; a block counts before it is handed on."""
        return self._digest.hexdigest()

    def to_the_end(self) -> str:
        """Take all blocks that are left, and return the SHA-256 of the whole."""
        for _ in self:
            pass
        return self.sha256
