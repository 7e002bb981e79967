"""Reads of many objects side by side, whose bytes are used one after the other.

Apart, because compaction and the seal read in this way, and neither knows the other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

from dayfile.files.storage import Storage

AT_ONCE: Final = 16
AHEAD_BYTES: Final = 64 * 1024 * 1024
"""The most bytes that are being read or wait to be used, unless one alone has more."""

T = TypeVar("T")
R = TypeVar("R")


def read_ahead(
    items: Iterable[T], read: Callable[[T], R], *, storage: Storage, size_of: Callable[[T], int]
) -> Generator[R, None, None]:
    """Yield what `read` returns of each item, in their order, and raise what it raises; close the iterator.

    From a remote storage, where a read is mostly waiting, the next ones are read meanwhile, by other threads.
    """
    if not storage.is_remote:
        yield from map(read, items)
        return
    coming = iter(items)
    following = next(coming, None)
    reading: deque[tuple[int, Future[R]]] = deque()
    held_bytes = 0  # with what is in use
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="read") as pool:
        try:
            while reading or following is not None:
                while following is not None and len(reading) < AT_ONCE:
                    size = size_of(following)
                    if held_bytes and held_bytes + size > AHEAD_BYTES:
                        break
                    held_bytes += size
                    reading.append((size, pool.submit(read, following)))
                    following = next(coming, None)
                size, future = reading.popleft()
                yield future.result()
                del future  # and with it the bytes
                held_bytes -= size
        finally:
            for _, future in reading:  # only after an error, or when nobody wants the rest
                future.cancel()
