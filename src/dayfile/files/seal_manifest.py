"""Seal manifests: what a seal, or the rewrite of a pack, has made, as JSON lines in one gzip member.

The first line says what made it; every other one is a file: its manifest, its name, and where its bytes are. With them
sealed days are found again from the storage alone, and read in place.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

import msgspec

from dayfile.errors import Corrupt, Invalid
from dayfile.files import gzip
from dayfile.files.storage import Storage
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.export import NewSealedDay, SealedDay
from dayfile.model.resource import ResourceType, parse_resource_type

FORMAT: Final = 1
"""The number of this form of manifests."""

_LINES_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestHeader:
    """The first line of a seal manifest."""

    resource_type: ResourceType
    day: Day
    mark: str
    former_mark: str | None  # of the same day's previous seal; None for the first, and for a rewrite
    sealed_at: datetime | None  # None for a rewrite


class ManifestLine(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    rename={
        "object_key": "object",
        "first_created_at": "first_date_created",
        "last_created_at": "last_date_created",
        "is_incomplete": "incomplete",
    },
):
    """One file of a seal manifest, its fields in the order of the line. There may be millions of them."""

    account: AccountSid
    revision: int
    name: str
    object_key: str
    offset: int
    size_bytes: int
    sha256: str
    plain_bytes: int
    plain_sha256: str
    records: int
    first_created_at: datetime
    last_created_at: datetime
    encoder: str
    is_incomplete: bool
    xxh3: str | None = None  # left out where there is none


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(ManifestLine)


def manifest_line(sealed: NewSealedDay | SealedDay, object_key: str, offset: int) -> ManifestLine:
    """Return the line of a file at a place."""
    return ManifestLine(
        account=sealed.account,
        revision=sealed.revision,
        name=sealed.key,
        object_key=object_key,
        offset=offset,
        size_bytes=sealed.size_bytes,
        sha256=sealed.sha256,
        plain_bytes=sealed.plain_bytes,
        plain_sha256=sealed.plain_sha256,
        records=sealed.records,
        first_created_at=sealed.first_created_at,
        last_created_at=sealed.last_created_at,
        encoder=sealed.encoder,
        is_incomplete=sealed.is_incomplete,
        xxh3=sealed.xxh3,
    )


def write_manifest(storage: Storage, key: str, header: ManifestHeader, lines: Iterable[ManifestLine]) -> int:
    """Store a manifest and return its size; it is durable. Raises StorageUnavailable."""
    with ThreadPoolExecutor(1) as pool:
        return storage.put(key, manifest_chunks(header, lines, pool=pool))


def manifest_chunks(header: ManifestHeader, lines: Iterable[ManifestLine], *, pool: Executor) -> Iterable[bytes]:
    """Return the bytes of a manifest."""
    return gzip.compressed(_text(header, lines), pool=pool)


def read_manifest(storage: Storage, key: str) -> tuple[ManifestHeader, Iterator[ManifestLine]]:
    """Return the header of a manifest, and its lines as they are read; raises NotFound, Corrupt for a damaged one."""
    lines = _lines(storage, key)
    try:
        header = _header(json.loads(next(lines)))
    except (StopIteration, KeyError, TypeError, ValueError, Invalid) as error:
        raise Corrupt(f"{key} is no seal manifest that this version can read") from error
    return header, _decoded(lines, key)


def _text(header: ManifestHeader, lines: Iterable[ManifestLine]) -> Iterator[bytes]:
    first = {
        "format": FORMAT,
        "resource_type": header.resource_type.name,
        "day": str(header.day),
        "mark": header.mark,
        "former_mark": header.former_mark,
        "sealed_at": header.sealed_at.isoformat() if header.sealed_at else None,
    }
    yield json.dumps(first, separators=(",", ":")).encode() + b"\n"
    coming = iter(lines)
    while some := list(islice(coming, _LINES_AT_ONCE)):
        yield _ENCODER.encode_lines(some)


def _lines(storage: Storage, key: str) -> Iterator[bytes]:
    begun = b""
    for block in gzip.plain(storage.read(key)):
        *whole, begun = (begun + block).split(b"\n")
        yield from whole
    if begun:
        raise Corrupt(f"{key} is cut off")


def _header(first: dict[str, Any]) -> ManifestHeader:
    if first["format"] != FORMAT:
        raise Invalid("another format")
    return ManifestHeader(
        resource_type=parse_resource_type(first["resource_type"]),
        day=Day.parse(first["day"]),
        mark=first["mark"],
        former_mark=first["former_mark"],
        sealed_at=datetime.fromisoformat(first["sealed_at"]) if first["sealed_at"] else None,
    )


def _decoded(lines: Iterable[bytes], key: str) -> Iterator[ManifestLine]:
    for line in lines:
        try:
            yield _DECODER.decode(line)
        except msgspec.MsgspecError as error:
            raise Corrupt(f"{key} has a line that is none of a seal manifest") from error
