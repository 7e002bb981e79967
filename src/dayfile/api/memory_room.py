"""Optional memory for faster requests; a request that gets none is served without it.

Apart, because it is a count shared by threads that knows nothing of files.
"""

from __future__ import annotations

import threading


class MemoryRoom:
    """A count of the memory in use. Thread-safe."""

    def __init__(self, limit_bytes: int) -> None:
        self._lock = threading.Lock()
        self._left = limit_bytes

    def take(self, size: int) -> bool:
        """Reserve `size` bytes, to be given back; return False if fewer are left."""
        with self._lock:
            has_room = size <= self._left
            self._left -= size if has_room else 0
        return has_room

    def give_back(self, size: int) -> None:
        """Release `size` bytes."""
        with self._lock:
            self._left += size
