"""Inputs of a seal piece, made local: waiting segments, and the current day files rewritten as segments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dayfile.errors import Corrupt
from dayfile.files import disk, gzip, segments
from dayfile.files.hashed import Hashed
from dayfile.files.segment_copy import Accounts, copy_some, copy_whole
from dayfile.files.storage import Storage
from dayfile.model.export import FilePlace
from dayfile.model.resource import ResourceType

_FORMER_BYTES: Final = 32 * 1024 * 1024
"""Size of the text of former files that goes into one segment."""


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

    Raises NotFound, or Corrupt if a file does not match its manifest.
    """
    for number, lines in enumerate(_batches(formers, storage)):
        path = scratch / f"former-{number}"
        with disk.reported("write to the scratch folder"):
            path.write_bytes(segments.encode(b"".join(lines), resource_type))
        yield path


def read_former(former: FormerText, storage: Storage) -> None:
    """Read a former file to its end; raises NotFound, or Corrupt if it does not match its manifest."""
    for _ in _lines(former, storage):
        pass


def _batches(formers: Iterable[FormerText], storage: Storage) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for former in formers:
        for lines in _lines(former, storage):
            batch += lines
            size += sum(map(len, lines))
            if size >= _FORMER_BYTES:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


def _lines(former: FormerText, storage: Storage) -> Iterator[list[bytes]]:
    """Yield the lines of a former file in batches; raises Corrupt if its text does not match the SHA-256."""
    begun = b""
    hashed = Hashed(gzip.plain(former.read(storage)))
    for block in hashed:
        whole, newline, begun = (begun + block).rpartition(b"\n")
        yield (whole + newline).splitlines(keepends=True)
    if begun or hashed.sha256 != former.plain_sha256:
        raise Corrupt(f"{former.key} does not hold what its manifest says: restore it from a backup")
