"""Probes of the storage: whether it works, asked by supervisors and pages as often as they like."""

from __future__ import annotations

import threading
from typing import Final

from dayfile.clock import Clock
from dayfile.errors import NotFound, StorageUnavailable
from dayfile.files.storage import Storage
from dayfile.model.secret import Randomness
from dayfile.objects.layout import LASTING_PROBE, PROBES, UNIQUE_DIGITS, probe_key

REMOTE_FRESH_FOR_SECONDS: Final = 10.0
"""For so long an answer of a remote storage is believed, whoever asks."""

_CONTENT: Final = b"dayfile"


class StorageProbe:
    """A probe of one storage. A folder is tried each time; a bucket is asked for one object, now and then.

    Requests to a bucket take time and are billed, and its lists and puts most of all. That object is made once.
    """

    def __init__(self, storage: Storage, *, clock: Clock, randomness: Randomness) -> None:
        self._storage = storage.without_patience()
        self._clock = clock
        self._randomness = randomness
        self._lock = threading.Lock()
        self._fresh_until = float("-inf")
        self._trouble: str | None = None

    def write(self) -> None:
        """Return if the storage takes objects; raises StorageUnavailable."""
        if self._storage.is_remote:
            self._ask_remote()
            return
        key = probe_key(self._randomness.hex(UNIQUE_DIGITS))
        self._storage.put(key, [_CONTENT])
        self._storage.delete([key])

    def read(self) -> None:
        """Return if the storage answers, without writing to a folder; raises StorageUnavailable."""
        if self._storage.is_remote:
            self._ask_remote()
        else:
            next(iter(self._storage.scan(PROBES)), None)

    def _ask_remote(self) -> None:
        with self._lock:  # who comes meanwhile gets the same answer
            if self._clock.monotonic() >= self._fresh_until:
                self._trouble = self._trouble_now()
                self._fresh_until = self._clock.monotonic() + REMOTE_FRESH_FOR_SECONDS
            if self._trouble is not None:
                raise StorageUnavailable(self._trouble)

    def _trouble_now(self) -> str | None:
        try:
            try:
                self._storage.size(LASTING_PROBE)
            except NotFound:
                self._storage.put(LASTING_PROBE, [_CONTENT])
        except FileExistsError:
            return None  # another process has made it just now
        except StorageUnavailable as error:
            return str(error)
        return None
