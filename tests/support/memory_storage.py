"""A storage in memory, for tests that need one and are not about disks. It keeps the contract of every storage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Lock
from typing import Final

from dayfile.errors import NotFound
from dayfile.files import names
from dayfile.files.storage import LONGEST_KEY, Bytes, ListedObject, ObjectState, Storage

_BLOCK_BYTES = 1024 * 1024


class MemoryStorage:
    """Objects in a dictionary; no engine can read them in place."""

    is_remote: Final = True

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}
        self._lock = Lock()

    def without_patience(self) -> Storage:
        return self

    def put(self, key: str, chunks: Iterable[Bytes]) -> int:
        data = b"".join(bytes(chunk) for chunk in chunks)
        self.put_many([(key, data)])
        return len(data)

    def put_many(self, items: Iterable[tuple[str, Bytes]]) -> None:
        for key, data in items:
            with self._lock:
                if _checked(key) in self._objects:
                    raise FileExistsError(key)
                self._objects[key] = bytes(data)

    def read(self, key: str, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        if start < 0 or (stop is not None and stop < start):
            raise ValueError(f"there are no bytes from {start} to {stop}")
        data = self._get(key)[start:stop]
        return (data[at : at + _BLOCK_BYTES] for at in range(0, len(data), _BLOCK_BYTES))

    def size(self, key: str) -> int:
        return len(self._get(key))

    def state(self, key: str) -> ObjectState:
        return ObjectState(size_bytes=self.size(key), modified_ns=0)  # nothing changes an object in memory

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            with self._lock:
                self._objects.pop(_checked(key), None)

    def scan(self, prefix: str) -> Iterator[str]:
        with self._lock:
            return iter(sorted(key for key in self._objects if key.startswith(prefix)))

    def listed(self, prefix: str, *, after: str = "") -> Iterator[ListedObject]:
        return (ListedObject(key=key, size_bytes=self.size(key)) for key in self.scan(prefix) if key > after)

    def path(self, key: str) -> Path | None:
        _checked(key)
        return None

    def link(self, key: str, *, lifetime: timedelta) -> str | None:
        return None

    def scan_partial(self, prefix: str) -> Iterator[str]:
        return iter(())

    def remove_partial(self, keys: Iterable[str]) -> None:
        for key in keys:
            _checked(key)

    def _get(self, key: str) -> bytes:
        with self._lock:
            try:
                return self._objects[_checked(key)]
            except KeyError as error:
                raise NotFound(f"there is no object {key} in the storage") from error


def _checked(key: str) -> str:
    if len(key) > LONGEST_KEY or not names.KEY.fullmatch(key):
        raise ValueError(f"{key[:100]!r} is no key")
    return key
