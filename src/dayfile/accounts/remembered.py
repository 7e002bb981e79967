"""Logins that were right a moment ago, so that a client that asks again and again is not looked up each time.

What is kept is the row of a login, as it was read, under the keyed hash of its right secret. Nothing is kept of a login
that failed, so how long one takes tells nothing new. See docs/decisions/0030-readers-are-remembered.md.

Apart, because it knows neither the database nor the key: how long a login is kept is all that it decides.
"""

from __future__ import annotations

import threading
from typing import Final, NamedTuple

from dayfile.store.logins import StoredLogin

REMEMBERED_FOR_SECONDS: Final = 3.0
"""Seconds after which a login is looked up again: so long one works that another process has ended."""

MOST_REMEMBERED: Final = 10_000
"""Most logins that are kept; the oldest go first."""


class _Remembered(NamedTuple):
    stored: StoredLogin
    as_of: int
    until: float  # monotonic seconds


class RememberedLogins:
    """The logins of one process that were right a moment ago. Thread-safe."""

    def __init__(self, *, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: dict[bytes, _Remembered] = {}  # the oldest first

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, secret_hash: bytes, *, as_of: int, now: float) -> StoredLogin | None:
        """Return the login with this hash of its secret, if it was looked up a moment ago and none was changed since.

        `as_of` is the database's number of changes of logins, `now` in monotonic seconds.
        """
        found = self._kept.get(secret_hash)
        return found.stored if found is not None and found.as_of == as_of and now < found.until else None

    def keep(self, secret_hash: bytes, stored: StoredLogin, *, as_of: int, looked_up_at: float) -> None:
        """Keep a login that was right; `as_of` and `looked_up_at` are from before it was looked up."""
        with self._lock:
            self._kept.pop(secret_hash, None)
            self._kept[secret_hash] = _Remembered(stored, as_of, looked_up_at + REMEMBERED_FOR_SECONDS)
            if len(self._kept) > self._most:
                del self._kept[next(iter(self._kept))]
