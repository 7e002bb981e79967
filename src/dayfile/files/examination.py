"""Examination of stored objects: everything in them is compared with their rows.

Not every finding is damage of bytes: an object in another's place is whole and wrong, and so is one whose row was
changed. An examination is an iterator of the number of bytes read, so that the caller decides how fast it goes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from dayfile.errors import Corrupt, DamagedObject, NotFound, StorageUnavailable
from dayfile.files import blocks, gzip
from dayfile.files.checked_read import CheckedRead, as_damage
from dayfile.files.key_columns import cut, fields
from dayfile.files.seal_manifest import read_manifest
from dayfile.files.segments import decode_inline
from dayfile.files.soundness import compare_inline
from dayfile.files.storage import Bytes, Storage
from dayfile.model.account import AccountSid, packed_holds
from dayfile.model.export import SealedDay
from dayfile.model.moment import moment_text
from dayfile.model.segment import Segment

_DAY_SECONDS: Final = 86_400
_MANIFEST_LINE_BYTES: Final = 150  # compressed, about


def examine_file(sealed: SealedDay, storage: Storage, *, held: bytes | None = None) -> Iterator[int]:
    """Read a sealed file to its end: its hash, its text, and whose lines of which day are in it, in which order.

    `held` is its bytes if they were read before: it is read again only if they are not right.

    Raises DamagedObject, StorageUnavailable.
    """
    text, fast = _Text(sealed), xxhash.xxh3_128()
    with _as_wrong(sealed.key):
        for block in gzip.plain(_digested(fast, read_of(sealed, storage).whole(held))):
            text.add(block)
            yield len(block)
        text.finish()
        if sealed.xxh3 not in {None, fast.hexdigest()}:
            raise Corrupt(f"its XXH3 is {fast.hexdigest()}, and its row says {sealed.xxh3}")


def _digested(digest: Any, blocks: Iterator[Bytes]) -> Iterator[Bytes]:
    """Yield blocks that the digest has been told before."""
    for block in blocks:
        digest.update(block)
        yield block


def read_of(sealed: SealedDay, storage: Storage) -> CheckedRead:
    """Return the checked read of a sealed file."""
    return CheckedRead(
        storage=storage, key=sealed.key, place=sealed.place, size_bytes=sealed.size_bytes, sha256=sealed.sha256
    )


def examine_segment(segment: Segment, storage: Storage) -> Iterator[int]:
    """Read the object of a waiting segment to its end: its columns, each of its blocks, and whose lines are in them.

    Raises DamagedObject, StorageUnavailable, and ValueError for an inline segment.
    """
    if segment.key is None:
        raise ValueError(f"the segment {segment.id} has no object")
    with _as_wrong(segment.key), as_damage(segment.key):
        size_bytes = storage.size(segment.key)
        if size_bytes != segment.stored_bytes:
            raise Corrupt(f"it has {size_bytes} bytes and should have {segment.stored_bytes}")
        lines = _Lines(segment)
        with _opened(segment.key, storage) as file:
            parquet = pq.ParquetFile(file)
            found = blocks.places(parquet.metadata)
            blocks.compare_outside(file, found, segment.checksum)
            places = enumerate(found)
            for group in range(parquet.num_row_groups):
                yield from _row_group(parquet.read_row_group(group, use_threads=False), places, file, lines)
        lines.finish()


def examine_manifest(key: str, storage: Storage, *, mark: str) -> Iterator[int]:
    """Read the manifest of the seal, or of the rewrite, with this mark to its end.

    Raises DamagedObject, StorageUnavailable.
    """
    with _as_wrong(key), as_damage(key):
        header, lines = read_manifest(storage, key)
        if header.mark != mark:
            raise Corrupt(f"it is the manifest of {header.mark}")
        for _ in lines:
            yield _MANIFEST_LINE_BYTES


def examine_inline(segment: Segment, data: bytes) -> None:
    """Raise DamagedObject unless these are the bytes of an inline segment."""
    with _as_wrong(f"segment {segment.id}"):
        compare_inline(data, checksum=segment.checksum)
        lines = _Lines(segment)
        lines.add(pa.array(decode_inline(data).splitlines(keepends=True), pa.binary()))
        lines.finish()


def _row_group(rows: Any, places: Iterator[tuple[int, blocks.Place]], file: Any, lines: _Lines) -> Iterator[int]:
    """Check the blocks of a row group, one after the other, against its rows; yield the bytes read."""
    at = 0
    while at < rows.num_rows:
        number, place = next(places)
        found = blocks.read(file, place)
        columns = lines.add(found)
        columns |= {"length": pc.binary_length(found), "block": pa.array([number] * len(found), pa.int32())}
        for name, column in columns.items():
            kept = rows[name].slice(at, place.lines).combine_chunks()
            kept = kept.storage if isinstance(kept, pa.ExtensionArray) else kept
            if not kept.equals(column.cast(kept.type)):
                raise Corrupt(f"the column {name} is not that of the lines of block {number}")
        at += place.lines
        yield place.stop - place.start


class _Lines:
    """The lines of a segment, counted and compared with its row."""

    def __init__(self, segment: Segment) -> None:
        self._segment = segment
        self._names = [name for name, _ in fields(segment.resource_type)]
        self._records = self._plain_bytes = 0
        start = int(segment.day.start.timestamp())
        self._seconds = range(start, start + _DAY_SECONDS)

    def add(self, lines: Any) -> dict[str, Any]:
        """Return the columns of lines; raises Corrupt if they cannot be of the segment."""
        columns = cut(lines, self._segment.resource_type)
        self._records += len(lines)
        self._plain_bytes += pc.sum(pc.binary_length(lines)).as_py() or 0
        if not pc.all(pc.ends_with(lines, pattern="\n")).as_py():
            raise Corrupt("one of its lines has no end")
        for account in columns["account"].unique().to_pylist():
            if not packed_holds(self._segment.accounts, AccountSid(f"AC{account.hex()}")):
                raise Corrupt(f"it has lines of AC{account.hex()}, of whom its row does not know")
        moments = pc.min_max(columns["created"]).as_py()
        if moments["min"] not in self._seconds or moments["max"] not in self._seconds:
            raise Corrupt(f"it has lines of another day than {self._segment.day}")
        return {name: columns[name] for name in self._names}

    def finish(self) -> None:
        """Raise Corrupt unless there were as many lines as the segment has."""
        segment = self._segment
        if (self._records, self._plain_bytes) != (segment.records, segment.plain_bytes):
            raise Corrupt(
                f"it has {self._records} lines of {self._plain_bytes} bytes and should have {segment.records} of "
                f"{segment.plain_bytes}"
            )


class _Text:
    """The text of a sealed file, compared with its manifest."""

    def __init__(self, sealed: SealedDay) -> None:
        self._sealed = sealed
        kind = sealed.resource_type
        self._account, self._created = slice(*kind.account_span), slice(*kind.created_span)
        self._order = [self._created, *(slice(*span) for span in kind.key_spans)]
        self._sid, self._day = sealed.account.encode(), str(sealed.day).encode()
        self._digest = hashlib.sha256()
        self._size = self._records = 0
        self._begun = self._first = b""
        self._last: list[bytes] = []

    def add(self, block: bytes) -> None:
        """Check the next block of the text; raises Corrupt for lines that cannot be in it."""
        self._digest.update(block)
        self._size += len(block)
        whole, newline, self._begun = (self._begun + block).rpartition(b"\n")
        for line in (whole + newline).splitlines(keepends=True):
            self._add_line(line)

    def _add_line(self, line: bytes) -> None:
        if line[self._account] != self._sid:
            raise Corrupt(f"line {self._records + 1} is of another account")
        if not line[self._created].startswith(self._day):
            raise Corrupt(f"line {self._records + 1} is of another day")
        place = [line[span] for span in self._order]
        if place <= self._last:
            raise Corrupt(f"line {self._records + 1} is not in its order")
        self._first, self._last = self._first or place[0], place
        self._records += 1

    def finish(self) -> None:
        """Raise Corrupt if the text does not match the manifest."""
        sealed = self._sealed
        found = {
            "lines": (self._records, sealed.records),
            "bytes of text": (self._size, sealed.plain_bytes),
            "a text with the SHA-256": (self._digest.hexdigest(), sealed.plain_sha256),
        }
        if sealed.records:  # else all that the account had is lost, and there is no line to compare
            found |= {
                "a first line of": (self._first.decode(), moment_text(sealed.first_created_at)),
                "a last line of": (b"".join(self._last[:1]).decode(), moment_text(sealed.last_created_at)),
            }
        for what, (actual, expected) in found.items():
            if actual != expected:
                raise Corrupt(f"it has {what} {actual}, and its manifest says {expected}")


@contextmanager
def _opened(key: str, storage: Storage) -> Iterator[Any]:
    path: Path | None = storage.path(key)
    with pa.BufferReader(b"".join(storage.read(key))) if path is None else pa.OSFile(str(path), "rb") as file:
        yield file


@contextmanager
def _as_wrong(subject: str) -> Iterator[None]:
    """Raise DamagedObject for damaged bytes that cannot be read; errors of the system stay what they are."""
    try:
        yield
    except (DamagedObject, StorageUnavailable, NotFound):
        raise
    except OSError as error:
        if error.errno is not None:
            raise
        raise DamagedObject(subject, f"it cannot be read: {error}") from error
    except Corrupt as error:
        raise DamagedObject(subject, str(error)) from error
    except Exception as error:  # damaged bytes may make a reader raise anything
        raise DamagedObject(subject, f"it cannot be read: {type(error).__name__}: {error}") from error
