"""Inputs of a seal piece, made local: waiting segments, and the current day files rewritten as segments."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from dayfile.errors import Corrupt
from dayfile.files import disk, gzip, segments
from dayfile.files.storage import Storage
from dayfile.model.resource import ResourceType

_FORMER_BYTES: Final = 32 * 1024 * 1024
"""Size of the text of former files that goes into one segment."""


def file_of(key: str, *, storage: Storage, copy: Path) -> Path:
    """Return a local file with the object's bytes; an object in remote storage is copied to `copy`. Raises NotFound."""
    path = storage.path(key)
    if path is not None:
        return path
    with copy.open("xb", buffering=0) as file:
        for block in storage.read(key):
            disk.write(file, block, "write to the scratch folder")
    return copy


def segments_of(
    formers: Iterable[tuple[str, str]], resource_type: ResourceType, *, storage: Storage, scratch: Path
) -> Iterator[Path]:
    """Write the lines of former files as segments in the scratch folder, and yield the paths.

    `formers` are pairs of an object key and the SHA-256 of the text. Raises NotFound, or Corrupt if a file does not
    match its manifest.
    """
    for number, lines in enumerate(_batches(formers, storage)):
        path = scratch / f"former-{number}"
        with disk.reported("write to the scratch folder"):
            path.write_bytes(segments.encode(lines, resource_type))
        yield path


def read_former(key: str, plain_sha256: str, storage: Storage) -> None:
    """Read a former file to its end; raises NotFound, or Corrupt if it does not match its manifest."""
    for _ in _lines(key, plain_sha256, storage):
        pass


def _batches(formers: Iterable[tuple[str, str]], storage: Storage) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for key, plain_sha256 in formers:
        for lines in _lines(key, plain_sha256, storage):
            batch += lines
            size += sum(map(len, lines))
            if size >= _FORMER_BYTES:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


def _lines(key: str, plain_sha256: str, storage: Storage) -> Iterator[list[bytes]]:
    """Yield the lines of a former file in batches; raises Corrupt if its text does not match the SHA-256."""
    digest = hashlib.sha256()
    begun = b""
    for block in gzip.plain(storage.read(key)):
        digest.update(block)
        whole, newline, begun = (begun + block).rpartition(b"\n")
        yield (whole + newline).splitlines(keepends=True)
    if begun or digest.hexdigest() != plain_sha256:
        raise Corrupt(f"{key} does not hold what its manifest says: restore it from a backup")
