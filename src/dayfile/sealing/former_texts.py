"""The texts of former files that take part in a seal, read by few requests, and side by side from afar."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Final

from dayfile.errors import Corrupt
from dayfile.files import gzip
from dayfile.files.hashed import Hashed
from dayfile.files.read_ahead import read_ahead
from dayfile.files.soundness import is_of_one_object, reason_of
from dayfile.files.storage import Storage
from dayfile.model.export import FilePlace

STRETCH_BYTES: Final = 4 * 1024 * 1024
"""The most bytes that are read by one request; a file with more is read as it is used."""

_GAP_BYTES: Final = 256 * 1024
"""The most bytes between two files of a pack that are read along with them: a request takes longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerText:
    """The text of a sealed file that takes part in the next seal of its day."""

    key: str  # the file's name
    place: FilePlace
    size_bytes: int  # of the gzip file
    plain_sha256: str

    def read(self, storage: Storage) -> Iterator[bytes]:
        """Return its gzip bytes in blocks; raises NotFound.

        An object of its own is read to its end: what follows there is damage.
        """
        stop = self.place.start + self.size_bytes if self.place.is_packed else None
        return storage.read(self.place.object_key, start=self.place.start, stop=stop)


def lines_of(formers: Iterable[FormerText], storage: Storage) -> Iterator[list[bytes]]:
    """Yield the lines of former files in batches, in the order of the files' places.

    Raises NotFound, or Corrupt if a file does not match its manifest.
    """
    with closing(_read(formers, storage, partial(_Stretch.read, storage=storage))) as found:
        for former, data in found:
            yield from _lines(former, data, storage)


def damaged_among(formers: Iterable[FormerText], storage: Storage) -> Iterator[tuple[FormerText, str]]:
    """Yield each former file that does not match its manifest, with the reason; raises StorageUnavailable."""
    with closing(_read(formers, storage, partial(_read_if_possible, storage=storage))) as found:
        for former, data in found:
            reason = reason_of(partial(deque, _lines(former, data, storage), maxlen=0))
            if reason is not None:
                yield former, reason


def read_former(former: FormerText, storage: Storage) -> None:
    """Read a former file to its end; raises NotFound, or Corrupt if it does not match its manifest."""
    deque(_lines(former, None, storage), maxlen=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    """A part of an object with one former file, or with several of a pack, in the order of their places."""

    formers: Sequence[FormerText]
    stop: int

    @property
    def start(self) -> int:
        """The place of its first byte."""
        return self.formers[0].place.start

    @property
    def held_bytes(self) -> int:
        """The number of bytes that `read` returns."""
        size = self.stop - self.start
        return size if size <= STRETCH_BYTES else 0

    def read(self, storage: Storage) -> bytes | None:
        """Return its bytes, or None if they are too many to be held; raises NotFound."""
        size, place = self.stop - self.start, self.formers[0].place
        if size > STRETCH_BYTES:
            return None
        data = bytearray()
        for block in storage.read(place.object_key, start=self.start, stop=self.stop if place.is_packed else None):
            data += block
            if len(data) > size:  # an object that goes on after its file is damaged, however long it is
                break
        return bytes(data)

    def bytes_of(self, former: FormerText, data: bytes) -> bytes:
        """Return the bytes of one of its files; of an object of its own all that was read."""
        start = former.place.start - self.start
        return data[start : start + former.size_bytes] if former.place.is_packed else data


def _stretches(formers: Iterable[FormerText]) -> Iterator[_Stretch]:
    """Yield the former files by their places, those together that are near to each other in a pack."""
    some: list[FormerText] = []
    start = stop = 0
    for former in sorted(formers, key=attrgetter("place.object_key", "place.start")):
        place = former.place
        is_along = (
            some
            and place.is_packed
            and place.object_key == some[0].place.object_key
            and place.start - stop <= _GAP_BYTES
            and place.start + former.size_bytes - start <= STRETCH_BYTES
        )
        if some and not is_along:
            yield _Stretch(formers=some, stop=stop)
            some, stop = [], 0
        if not some:
            start = place.start
        some.append(former)
        stop = max(stop, place.start + former.size_bytes)
    if some:
        yield _Stretch(formers=some, stop=stop)


def _read(
    formers: Iterable[FormerText], storage: Storage, read: Callable[[_Stretch], bytes | None]
) -> Generator[tuple[FormerText, bytes | None], None, None]:
    """Yield each former file, in the order of their places, with its bytes if they could be held."""
    stretches = list(_stretches(formers))
    with closing(read_ahead(stretches, read, storage=storage, size_of=attrgetter("held_bytes"))) as of_stretches:
        for stretch, data in zip(stretches, of_stretches, strict=True):
            for former in stretch.formers:
                yield former, None if data is None else stretch.bytes_of(former, data)


def _read_if_possible(stretch: _Stretch, storage: Storage) -> bytes | None:
    """Return the bytes of a stretch, or None if they are too many or damaged: then each file is read by itself."""
    try:
        return stretch.read(storage)
    except Exception as error:
        if not is_of_one_object(error):
            raise
        return None


def _lines(former: FormerText, data: bytes | None, storage: Storage) -> Iterator[list[bytes]]:
    """Yield the lines of a former file in batches; raises NotFound, or Corrupt if its text has another SHA-256."""
    begun = b""
    hashed = Hashed(gzip.plain(former.read(storage) if data is None else [data]))
    for block in hashed:
        whole, newline, begun = (begun + block).rpartition(b"\n")
        yield (whole + newline).splitlines(keepends=True)
    if begun or hashed.sha256 != former.plain_sha256:
        raise Corrupt(f"{former.key} does not hold what its manifest says: restore it from a backup")
