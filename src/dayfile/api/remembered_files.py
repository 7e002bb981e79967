"""Sealed days that were looked up a moment ago: who is given a link follows it at once.

What may have changed since then is that the file was forgotten, or moved into another pack; its bytes are others at no
time, and are compared with their hash. So whoever cannot read a file where this says it is looks it up.

Apart, because links and downloads share it and know nothing of each other.
"""

from __future__ import annotations

import threading
from typing import Final, cast

from starlette.requests import HTTPConnection

from dayfile.model.export import SealedDay

REMEMBERED_FOR_SECONDS: Final = 3.0
"""Seconds after which a sealed day is looked up again."""

MOST_REMEMBERED: Final = 1000
"""Most sealed days that are kept; the oldest go first."""


class RememberedFiles:
    """The sealed days that one process has looked up a moment ago. Thread-safe."""

    def __init__(self, *, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: dict[int, tuple[SealedDay, float]] = {}  # by id, until when; the oldest first

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, sealed_day_id: int, *, now: float) -> SealedDay | None:
        """Return a sealed day that was looked up a moment ago; `now` is in monotonic seconds."""
        found = self._kept.get(sealed_day_id)
        return found[0] if found is not None and now < found[1] else None

    def keep(self, sealed: SealedDay, *, looked_up_at: float) -> None:
        """Keep a sealed day; `looked_up_at` is from before it was looked up."""
        with self._lock:
            self._kept.pop(sealed.id, None)
            self._kept[sealed.id] = sealed, looked_up_at + REMEMBERED_FOR_SECONDS
            if len(self._kept) > self._most:
                del self._kept[next(iter(self._kept))]


def remembered_files_of(request: HTTPConnection) -> RememberedFiles:
    """Return those of the app that a request belongs to."""
    return cast("RememberedFiles", request.app.state.remembered_files)
