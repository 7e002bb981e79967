"""Checked reads of objects: no reader gets a complete copy with wrong bytes.

A small object is hashed before its first byte is given, on each read: what was whole a minute ago may have been changed
since then, by a disk as much as by a person, and no size or time of a file would tell. A larger one would keep its
reader waiting; it is hashed as it is read, and its last block is given only if the hash is right. The hash of a large
file is XXH3 where its row has one: SHA-256 would take most of the time of a download.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec
import xxhash

from dayfile.errors import DamagedObject, NotFound, StorageUnavailable
from dayfile.files.reused_blocks import read_reused
from dayfile.files.storage import Bytes, Storage
from dayfile.model.export import FilePlace

HASHED_FIRST_BYTES: Final = 8 * 1024 * 1024
"""Objects up to this size are hashed before their first byte is given."""

_OF_ITS_BYTES: Final = frozenset({errno.EIO, errno.EBADMSG})
"""Errors of the system that are of one object; for others, a permission that is missing, many may be whole."""


@contextmanager
def as_damage(key: str, *, place: FilePlace | None = None) -> Iterator[None]:
    """Raise DamagedObject for an object, or a file in a pack, that is not there, or that its disk cannot read."""
    its = f"its pack {place.object_key}" if place and place.is_packed else "it"
    try:
        yield
    except NotFound as error:
        raise DamagedObject(key, f"{its} is not in the storage") from error
    except StorageUnavailable as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno in _OF_ITS_BYTES:
            raise DamagedObject(key, f"its disk reports an error for {its}") from error
        raise


def check_size(storage: Storage, key: str, place: FilePlace, *, size_bytes: int) -> None:
    """Compare the size of a file's object with what its row says; raises DamagedObject, StorageUnavailable."""
    with as_damage(key, place=place):
        actual = storage.size(place.object_key)
    compare_size(key, place, actual, size_bytes=size_bytes)


def compare_size(key: str, place: FilePlace, actual: int, *, size_bytes: int) -> None:
    """Raise DamagedObject unless an object is as large as it should be.

    A pack must only be large enough for this file of it: others may be lost with its end.
    """
    if place.is_packed:
        if actual < place.start + size_bytes:
            raise DamagedObject(key, f"its pack {place.object_key} has {actual} bytes and ends before it does")
    elif actual != size_bytes:
        raise DamagedObject(key, f"it has {actual} bytes and should have {size_bytes}")


def read_file(storage: Storage, place: FilePlace, *, start: int = 0, stop: int) -> Iterator[bytes]:
    """Return the bytes of a sealed file from `start` to before `stop`, in blocks; raises NotFound at once."""
    return storage.read(place.object_key, start=place.start + start, stop=place.start + stop)


class CheckedRead(msgspec.Struct, frozen=True, kw_only=True):
    """A sealed file with its expected size and hashes. Every method raises DamagedObject, and StorageUnavailable.

    Each small download makes one: a dataclass takes several times as long.
    """

    storage: Storage
    key: str  # its name
    place: FilePlace
    size_bytes: int
    sha256: str
    xxh3: str | None = None
    """Fast digest of the file, compared in the place of its SHA-256; None if it has none."""
    is_suspect: bool = False
    """True if all of it is hashed first, whatever its size, since it is known as damaged."""

    def check(self) -> None:
        """Check that a read could begin."""
        self._check_size()
        if self._is_hashed_first:
            for _ in self._hashed():
                pass

    def read(self, *, start: int, stop: int) -> bytes:
        """Return the bytes from `start` up to, not including, `stop`, which is at most the size.

        It is read once, and hashed meanwhile if it is small or all of it is asked for.
        """
        if self.size_bytes <= HASHED_FIRST_BYTES:
            return self._read_whole()[start:stop]
        self._check_size()
        if not self.is_suspect and (start, stop) != (0, self.size_bytes):
            return b"".join(self._part(start, stop))
        kept, at = [], 0
        for block in self._hashed():
            kept.append(block[max(start - at, 0) : max(stop - at, 0)])
            at += len(block)
        return b"".join(kept)

    def blocks(self, *, start: int, stop: int) -> Iterator[Bytes]:
        """Return the same in blocks, which takes less memory, and, of a small object, a second reading.

        Raises at once for what is found before the first byte. The blocks raise DamagedObject in the place of the last
        one if all of the object was asked for, and its hash is wrong. Memory: three blocks at most.
        """
        self.check()
        is_whole = (start, stop) == (0, self.size_bytes)
        blocks = self._hashed() if is_whole else self._part(start, stop)
        next(blocks)  # opens it
        return blocks

    def whole(self, held: bytes | None = None) -> Iterator[Bytes]:
        """Yield the object in blocks, the last one only if the hash is right. Nothing is hashed first.

        If its bytes were read before and are `held`, it is read again only if these are not right.
        """
        if held is not None and hashlib.sha256(held).hexdigest() == self.sha256:
            yield held
            return
        self._check_size()
        yield from self._hashed()

    @property
    def _is_hashed_first(self) -> bool:
        return self.is_suspect or self.size_bytes <= HASHED_FIRST_BYTES

    def _check_size(self) -> None:
        check_size(self.storage, self.key, self.place, size_bytes=self.size_bytes)

    def _read_whole(self) -> bytes:
        """Return all bytes of a small object, which takes less time than in blocks.

        Its size is asked for only if they are wrong: it is not longer if the byte behind its last one is not there.
        """
        stop = self.size_bytes if self.place.is_packed else self.size_bytes + 1
        try:
            whole = b"".join(read_file(self.storage, self.place, stop=stop))
        except (NotFound, StorageUnavailable):
            with as_damage(self.key, place=self.place):
                raise
        digest = self._digest(whole).hexdigest()
        if len(whole) != self.size_bytes or digest != self._expected:
            self._check_size()
            if len(whole) < self.size_bytes:
                raise DamagedObject(self.key, f"it ended {self.size_bytes - len(whole)} bytes early")
            raise DamagedObject(self.key, self._wrong(digest))
        return whole

    def _part(self, start: int, stop: int) -> Iterator[Bytes]:
        """Yield an empty block when the object is open, then these bytes."""
        with as_damage(self.key, place=self.place):
            blocks = self._read(start, stop)
            yield b""
            yield from blocks

    def _hashed(self) -> Iterator[Bytes]:
        """Yield an empty block when the object is open, then its bytes."""
        with as_damage(self.key, place=self.place):
            blocks = self._read(0, self.size_bytes)
            yield b""
            digest, left = self._digest(), self.size_bytes
            for block in blocks:
                digest.update(block)
                left -= len(block)
                if not left and digest.hexdigest() != self._expected:
                    raise DamagedObject(self.key, self._wrong(digest.hexdigest()))
                yield block
        if left:
            raise DamagedObject(self.key, f"it ended {left} bytes early")

    def _read(self, start: int, stop: int) -> Iterator[Bytes]:
        at = self.place.start
        return read_reused(self.storage, self.place.object_key, start=at + start, stop=at + stop)

    def _digest(self, begun: bytes = b"") -> Any:
        return hashlib.sha256(begun) if self.xxh3 is None else xxhash.xxh3_128(begun)

    @property
    def _expected(self) -> str:
        return self.sha256 if self.xxh3 is None else self.xxh3

    def _wrong(self, digest: str) -> str:
        within = f"in its pack {self.place.object_key} " if self.place.is_packed else ""
        name = "SHA-256" if self.xxh3 is None else "XXH3"
        return f"{within}its {name} is {digest} and should be {self._expected}"
