"""Stretches of objects: a sealed file, or several that are near to each other in a pack and are read by one request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, Generic, Protocol, TypeVar

from dayfile.files.storage import Storage
from dayfile.model.export import FilePlace

STRETCH_BYTES: Final = 4 * 1024 * 1024
"""The most bytes that are read by one request; a file with more is read as it is used."""

_GAP_BYTES: Final = 256 * 1024
"""The most bytes between two files of a pack that are read along with them: a request takes longer."""


class Placed(Protocol):
    """A sealed file, as far as it takes to read it."""

    @property
    def place(self) -> FilePlace:
        """The object that it is, or is in."""
        ...

    @property
    def size_bytes(self) -> int:
        """The size of the gzip file."""
        ...


P = TypeVar("P", bound=Placed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch(Generic[P]):
    """A part of an object with one file, or with several of a pack, in the order of their places."""

    files: Sequence[P]
    stop: int

    @property
    def start(self) -> int:
        """The place of its first byte."""
        return self.files[0].place.start

    @property
    def held_bytes(self) -> int:
        """The number of bytes that `read` returns."""
        size = self.stop - self.start
        return size if size <= STRETCH_BYTES else 0

    def read(self, storage: Storage) -> bytes | None:
        """Return its bytes, or None if they are too many to be held; raises NotFound, StorageUnavailable."""
        size, place = self.stop - self.start, self.files[0].place
        if size > STRETCH_BYTES:
            return None
        data = bytearray()
        for block in storage.read(place.object_key, start=self.start, stop=self.stop if place.is_packed else None):
            data += block
            if len(data) > size:  # an object that goes on after its file is damaged, however long it is
                break
        return bytes(data)

    def read_if_possible(self, storage: Storage) -> bytes | None:
        """Return the same, or None if they cannot be read."""
        try:
            return self.read(storage)
        except Exception:  # noqa: BLE001 - whoever then reads a file of it by itself meets the reason again
            return None

    def bytes_of(self, file: P, data: bytes) -> bytes:
        """Return the bytes of one of its files; of an object of its own all that was read."""
        start = file.place.start - self.start
        return data[start : start + file.size_bytes] if file.place.is_packed else data


def stretches_of(files: Iterable[P]) -> Iterator[Stretch[P]]:
    """Yield files by their places, those together that are near to each other in a pack."""
    some: list[P] = []
    start = stop = 0
    for file in sorted(files, key=attrgetter("place.object_key", "place.start")):
        place = file.place
        is_along = (
            some
            and place.is_packed
            and place.object_key == some[0].place.object_key
            and place.start - stop <= _GAP_BYTES
            and place.start + file.size_bytes - start <= STRETCH_BYTES
        )
        if some and not is_along:
            yield Stretch(files=some, stop=stop)
            some, stop = [], 0
        if not some:
            start = place.start
        some.append(file)
        stop = max(stop, place.start + file.size_bytes)
    if some:
        yield Stretch(files=some, stop=stop)


def read_near(files: Iterable[P], storage: Storage) -> Iterator[tuple[P, bytes | None]]:
    """Yield files in the order of their places, near ones read by one request, each with its bytes.

    None in the place of bytes that are too many, or could not be read: read such a file by itself, which tells why.
    """
    for stretch in stretches_of(files):
        data = stretch.read_if_possible(storage)
        for file in stretch.files:
            yield file, None if data is None else stretch.bytes_of(file, data)
