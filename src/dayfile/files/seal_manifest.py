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


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestLine:
    """One file of a seal manifest."""

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


def manifest_line(sealed: NewSealedDay | SealedDay, object_key: str, offset: int) -> str:
    """Return the line of a file at a place, put together by hand: there may be millions, and none needs an escape."""
    return (
        f'{{"account":"{sealed.account}","revision":{sealed.revision},"name":"{sealed.key}",'
        f'"object":"{object_key}","offset":{offset},"size_bytes":{sealed.size_bytes},'
        f'"sha256":"{sealed.sha256}","plain_bytes":{sealed.plain_bytes},"plain_sha256":"{sealed.plain_sha256}",'
        f'"records":{sealed.records},"first_date_created":"{_seconds(sealed.first_created_at)}",'
        f'"last_date_created":"{_seconds(sealed.last_created_at)}","encoder":"{sealed.encoder}",'
        f'"incomplete":{"true" if sealed.is_incomplete else "false"}}}\n'
    )


def write_manifest(storage: Storage, key: str, header: ManifestHeader, lines: Iterable[str]) -> int:
    """Store a manifest with lines of `manifest_line` and return its size; it is durable. Raises StorageUnavailable."""
    with ThreadPoolExecutor(1) as pool:
        return storage.put(key, manifest_chunks(header, lines, pool=pool))


def manifest_chunks(header: ManifestHeader, lines: Iterable[str], *, pool: Executor) -> Iterable[bytes]:
    """Return the bytes of a manifest with lines of `manifest_line`."""
    return gzip.Member(_text(header, lines), pool=pool)


def read_manifest(storage: Storage, key: str) -> tuple[ManifestHeader, Iterator[ManifestLine]]:
    """Return the header of a manifest, and its lines as they are read; raises NotFound, Corrupt for a damaged one."""
    lines = _lines(storage, key)
    try:
        header = _header(json.loads(next(lines)))
    except (StopIteration, KeyError, TypeError, ValueError, Invalid) as error:
        raise Corrupt(f"{key} is no seal manifest that this version can read") from error
    return header, _decoded(lines, key)


def _text(header: ManifestHeader, lines: Iterable[str]) -> Iterator[bytes]:
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
        yield "".join(some).encode()


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
            one = json.loads(line)
            yield ManifestLine(
                account=AccountSid(one["account"]),
                revision=one["revision"],
                name=one["name"],
                object_key=one["object"],
                offset=one["offset"],
                size_bytes=one["size_bytes"],
                sha256=one["sha256"],
                plain_bytes=one["plain_bytes"],
                plain_sha256=one["plain_sha256"],
                records=one["records"],
                first_created_at=datetime.fromisoformat(one["first_date_created"]),
                last_created_at=datetime.fromisoformat(one["last_date_created"]),
                encoder=one["encoder"],
                is_incomplete=one["incomplete"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise Corrupt(f"{key} has a line that is none of a seal manifest") from error


def _seconds(moment: datetime) -> str:
    return f"{moment.isoformat()[:19]}Z"  # in UTC, as all moments are
