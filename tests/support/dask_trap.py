"""A worker of Dask loads this first in some tests: its second put to the storage is the last thing that it does."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Iterable
from typing import Any

from dayfile.files.cloud_storage import CloudStorage
from dayfile.files.storage import Bytes, LocalStorage

Put = Callable[[Any, str, Iterable[Bytes]], int]


def _trapped(put: Put) -> Put:
    puts = itertools.count(1)

    def put_with_trap(self: Any, key: str, chunks: Iterable[Bytes]) -> int:
        size = put(self, key, chunks)
        if next(puts) == 2:
            os.kill(os.getpid(), signal.Signals[os.environ["TRAP_SIGNAL"]])
        return size

    return put_with_trap


if LocalStorage.put.__name__ == "put":  # Dask loads what it preloads twice
    for storage in (LocalStorage, CloudStorage):
        storage.put = _trapped(storage.put)  # type: ignore[assignment, method-assign]
