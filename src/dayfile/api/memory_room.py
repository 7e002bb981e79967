"""Memory that requests may take to be faster: who finds none left does the same without."""

from __future__ import annotations

import threading


class MemoryRoom:
    """Counts what is taken. Safe to share between threads."""

    def __init__(self, limit_bytes: int) -> None:
        self._lock = threading.Lock()
        self._left = limit_bytes

    def take(self, size: int) -> bool:
        """Take some, to be given back; False if there is not so much left."""
        with self._lock:
            has_room = size <= self._left
            self._left -= size if has_room else 0
        return has_room

    def give_back(self, size: int) -> None:
        """Give back what was taken."""
        with self._lock:
            self._left += size
