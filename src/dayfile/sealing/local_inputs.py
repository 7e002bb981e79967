"""Inputs of a seal piece, made local: waiting segments, and the current day files rewritten as segments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from dayfile.files import disk, segments
from dayfile.files.segment_copy import Accounts, copy_some, copy_whole
from dayfile.files.storage import Storage
from dayfile.model.resource import ResourceType
from dayfile.sealing.former_texts import FormerText, lines_of

_FORMER_BYTES: Final = 32 * 1024 * 1024
"""Size of the text of former files that goes into one segment."""


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


def _batches(formers: Iterable[FormerText], storage: Storage) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for lines in lines_of(formers, storage):
        batch += lines
        size += sum(map(len, lines))
        if size >= _FORMER_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
