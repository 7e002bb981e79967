"""Inputs of a seal piece, made local: waiting segments, and the current day files rewritten as segments."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Final

from dayfile.errors import Corrupt
from dayfile.files import disk, gzip, segments
from dayfile.files.hashed import Hashed
from dayfile.files.read_ahead import read_ahead
from dayfile.files.segment_copy import Accounts, copy_some, copy_whole
from dayfile.files.storage import Storage
from dayfile.model.export import FilePlace
from dayfile.model.resource import ResourceType

_FORMER_BYTES: Final = 32 * 1024 * 1024
"""Size of the text of former files that goes into one segment."""

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


def file_of(key: str, *, storage: Storage, copy: Path, accounts: Accounts | None = None) -> Path:
    """Return a local file with the object's bytes; an object in remote storage is copied to `copy`. Raises NotFound.

    Of a segment, the copy may lack blocks without lines of these accounts.
    """
    path = storage.path(key)
    if path is not None:
        return path
    if accounts is None:
        copy_whole(key, storage, copy)
    else:
        copy_some(key, storage, copy, accounts=accounts)
    return copy


def segments_of(
    formers: Iterable[FormerText], resource_type: ResourceType, *, storage: Storage, scratch: Path
) -> Iterator[Path]:
    """Write the lines of former files as segments in the scratch folder, and yield the paths.

    The files are read in the order of their places, which changes no text: each account has one. Raises NotFound, or
    Corrupt if a file does not match its manifest.
    """
    for number, lines in enumerate(_batches(formers, storage)):
        path = scratch / f"former-{number}"
        with disk.reported("write to the scratch folder"):
            path.write_bytes(segments.encode(b"".join(lines), resource_type))
        yield path


def read_former(former: FormerText, storage: Storage) -> None:
    """Read a former file to its end; raises NotFound, or Corrupt if it does not match its manifest."""
    for _ in _lines(former, former.read(storage)):
        pass


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


def _texts(formers: Iterable[FormerText], storage: Storage) -> Generator[Iterator[list[bytes]], None, None]:
    """Yield the lines of each former file, in the order of their places; the bytes are read side by side."""
    stretches = list(_stretches(formers))
    read = partial(_Stretch.read, storage=storage)
    with closing(read_ahead(stretches, read, storage=storage, size_of=attrgetter("held_bytes"))) as of_stretches:
        for stretch, data in zip(stretches, of_stretches, strict=True):
            for former in stretch.formers:
                yield _lines(former, former.read(storage) if data is None else [stretch.bytes_of(former, data)])


def _batches(formers: Iterable[FormerText], storage: Storage) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    with closing(_texts(formers, storage)) as texts:
        for text in texts:
            for lines in text:
                batch += lines
                size += sum(map(len, lines))
                if size >= _FORMER_BYTES:
                    yield batch
                    batch, size = [], 0
    if batch:
        yield batch


def _lines(former: FormerText, read: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield the lines of a former file in batches; raises Corrupt if its text does not match the SHA-256."""
    begun = b""
    hashed = Hashed(gzip.plain(read))
    for block in hashed:
        whole, newline, begun = (begun + block).rpartition(b"\n")
        yield (whole + newline).splitlines(keepends=True)
    if begun or hashed.sha256 != former.plain_sha256:
        raise Corrupt(f"{former.key} does not hold what its manifest says: restore it from a backup")
