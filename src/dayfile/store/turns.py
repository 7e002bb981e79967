"""A fair lock: threads get it in the order in which they asked for it.

`threading.Lock` promises no order: one thread that writes continuously may take it every time while others wait.
Apart, because it knows nothing of databases, and its order is tested by itself.
"""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType


class Turns:
    """A lock for one thread at a time, first come, first served. The thread that holds it must not ask for it again."""

    def __init__(self) -> None:
        self._door = threading.Lock()  # held for a few instructions only
        self._is_taken = False
        self._waiting: deque[threading.Lock] = deque()

    def __enter__(self) -> None:
        with self._door:
            if not self._is_taken:
                self._is_taken = True
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        try:
            turn.acquire()  # until the holder before releases it
        except BaseException:
            self._leave(turn)
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pass_on()

    def _leave(self, turn: threading.Lock) -> None:
        """Stop waiting; pass a turn that has come meanwhile to the next one."""
        with self._door:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return
        self._pass_on()

    def _pass_on(self) -> None:
        with self._door:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False
