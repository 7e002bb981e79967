"""Packs in the making: small files one after the other, in the order in which they come, in objects of bounded size.

A pack is written while the files that come next are compressed: what is added to it is handed to a thread that stores
it, some megabytes at a time. It is durable, with one sync, when it is closed.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future
from itertools import chain
from typing import Final

from dayfile.files.storage import Storage
from dayfile.model.export import NewSealedDay
from dayfile.objects.layout import pack_key

PACK_BYTES: Final = 64 * 1024 * 1024
"""The size at which a pack is closed; files that would exceed it begin the next one."""

_HANDED_BYTES: Final = 1024 * 1024  # in one go: each costs a wake-up
_WAITING_BYTES: Final = 8 * 1024 * 1024  # handed over and not stored yet


FilesInARow = Future[list[NewSealedDay]]
"""The manifests of files that follow one another in a pack: made while the pack is being written."""


class PackWriter:
    """The packs of one piece of a seal. Close it, whatever happens: otherwise the thread that stores waits for ever."""

    def __init__(self, storage: Storage, *, prefix: str, unique: str, thread: Executor) -> None:
        """Take what makes the keys, and a thread that stores one pack after the other."""
        self._storage = storage
        self._prefix = prefix
        self._unique = unique
        self._thread = thread
        self._number = 0
        self._key = ""
        self._feed: _Feed | None = None  # of the pack that is open
        self._files: list[FilesInARow] = []  # the same
        self._held: list[bytes] = []  # the same, not handed over yet
        self._bytes = 0
        self._handed_bytes = 0
        self._storing: deque[tuple[Future[None], list[FilesInARow]]] = deque()  # the open one last

    def place(self, size_bytes: int) -> tuple[str, int]:
        """Return the key of the pack, and the offset in it, from which on files of this size are to be added next."""
        if self._feed is None or self._bytes + size_bytes > PACK_BYTES:
            self._close()
            self._open()
        return self._key, self._bytes

    def add(self, data: Iterable[bytes], size_bytes: int, files: FilesInARow) -> None:
        """Add files, with their bytes and the sum of their sizes, at the place that was given out for them."""
        self._files.append(files)
        self._held += data
        self._bytes += size_bytes
        if self._bytes - self._handed_bytes >= _HANDED_BYTES:
            self._hand_over()

    def durable(self) -> Iterator[NewSealedDay]:
        """Yield files of packs that have become durable by now; raises what storing one of them has raised."""
        while self._storing and self._storing[0][0].done():
            yield from self._ended()

    def finish(self) -> Iterator[NewSealedDay]:
        """Close the last pack, wait for all of them, and yield the files that were not durable yet."""
        self._close()
        while self._storing:
            yield from self._ended()

    def close(self) -> None:
        """Give up what is not finished: there is no such object then."""
        if self._feed is not None:
            self._feed.fail()

    def _open(self) -> None:
        self._number += 1
        self._key = pack_key(self._prefix, self._number, unique=self._unique)
        self._bytes, self._handed_bytes, self._files = 0, 0, []
        self._feed = _Feed()
        self._storing.append((self._thread.submit(_store, self._storage, self._key, self._feed), self._files))

    def _hand_over(self) -> None:
        if self._feed is not None:
            self._feed.add(b"".join(self._held))
        self._held, self._handed_bytes = [], self._bytes

    def _close(self) -> None:
        self._hand_over()
        if self._feed is not None:
            self._feed.end()
            self._feed = None

    def _ended(self) -> Iterator[NewSealedDay]:
        stored, files = self._storing.popleft()
        stored.result()
        return chain.from_iterable(some.result() for some in files)


class _GivenUp(Exception):
    """The pack will not be finished."""


class _Feed:
    """Bytes on their way from the thread that makes them to the one that stores them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._handed: deque[bytes] = deque()
        self._handed_bytes = 0
        self._is_over = False
        self._is_failed = False

    def add(self, data: bytes) -> None:
        """Hand bytes over; waits while too many are not stored yet. Nothing is kept once the store has failed."""
        with self._changed:
            self._changed.wait_for(lambda: self._handed_bytes < _WAITING_BYTES or self._is_failed)
            self._handed.append(data)
            self._handed_bytes += len(data)
            self._changed.notify_all()

    def end(self) -> None:
        """Say that these are all bytes."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def fail(self) -> None:
        """Say that nobody goes on, on either side."""
        with self._changed:
            self._is_failed = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[bytes]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._handed or self._is_over or self._is_failed)
                if self._is_failed:
                    raise _GivenUp
                if not self._handed:
                    return
                data = self._handed.popleft()
                self._handed_bytes -= len(data)
                self._changed.notify_all()
            yield data


def _store(storage: Storage, key: str, feed: _Feed) -> None:
    try:
        storage.put(key, feed)
    except BaseException:
        feed.fail()  # else the other side would wait until there is room
        raise
