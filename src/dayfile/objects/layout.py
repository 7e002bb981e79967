"""The layout of object keys: segments and sealed files, by resource type and day; and probes."""

from __future__ import annotations

import re
from typing import Final

from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.resource import ResourceType

SEALED: Final = "sealed/"
"""The beginning of the keys of all that seals make."""

SEGMENTS: Final = "segments/"
"""The beginning of the keys of segments."""

FAMILIES: Final = (SEALED, SEGMENTS)
"""The beginnings of all keys that the ledger knows."""

PROBES: Final = "probes/"
"""The beginning of keys of objects that are written, without a ledger entry, to see whether the storage works."""

LASTING_PROBE: Final = f"{PROBES}lasting"
"""The key of the one probe that stays: what a remote storage is asked for."""

MOVES: Final = "moves/"
"""The beginning of keys of objects that say whose objects are on their way into a storage."""

UNIQUE_DIGITS: Final = 32
"""The number of hexadecimal digits that make a key unlike any other."""

_OF_A_SEAL: Final = re.compile(r"sealed/type=\w+/day=[0-9]{4}-[0-9]{2}-[0-9]{2}/", re.ASCII)
_OF_A_DAY: Final = re.compile(r"(?:sealed|segments)/type=(\w+)/day=([0-9]{4}-[0-9]{2}-[0-9]{2})/", re.ASCII)
_MANIFEST: Final = ".jsonl.gz"
_REWRITTEN: Final = "pack-0000-"
_COMMITTED: Final = ".committed"
_SEAL_MANIFEST: Final = re.compile(rf"{_OF_A_SEAL.pattern}seal-([0-9a-f]+)\.jsonl\.gz", re.ASCII)
_SEAL_MARKER: Final = re.compile(rf"{_OF_A_SEAL.pattern}seal-([0-9a-f]+)-[0-9a-f]+\.committed", re.ASCII)
_SEALED: Final = re.compile(r"sealed/type=(\w+)/day=([0-9]{4}-[0-9]{2}-[0-9]{2})/account=(AC[0-9a-f]{32})/", re.ASCII)


def segment_key(resource_type: ResourceType, day: Day, unique: str) -> str:
    """Return the key of a segment; `unique` is hexadecimal digits that no other key has."""
    return f"{segments_prefix(resource_type, day)}{unique}.parquet"


def segments_prefix(resource_type: ResourceType, day: Day) -> str:
    """Return the prefix of the keys of all segments of a day."""
    return f"{SEGMENTS}type={resource_type.name}/day={day}/"


def probe_key(unique: str) -> str:
    """Return the key of a probe."""
    return f"{PROBES}{unique}"


def sealed_prefix(resource_type: ResourceType, day: Day) -> str:
    """Return the prefix of the keys of all sealed files of a day; seals announce them under it."""
    return f"sealed/type={resource_type.name}/day={day}/"


def sealed_key(prefix: str, account: AccountSid, *, revision: int, unique: str) -> str:
    """Return the key of an account's sealed file; `unique` is the mark of the seal that makes it."""
    return f"{prefix}account={account}/revision-{revision}-{unique}.json.gz"


def pack_key(prefix: str, number: int, *, unique: str) -> str:
    """Return the key of a pack of small files; `unique` is the mark of the seal, or of the rewrite, that makes it."""
    return f"{prefix}pack-{number:04}-{unique}"


def rewritten_pack_key(prefix: str, *, unique: str) -> str:
    """Return the key of the pack that replaces another one; no seal numbers a pack 0."""
    return f"{prefix}{_REWRITTEN}{unique}"


def execution_key(prefix: str, mark: str) -> str:
    """Return the key of an object that says that an execution of a piece has begun."""
    return f"{prefix}execution-{mark}begun"


def rows_key(prefix: str, unique: str) -> str:
    """Return the key of an object with the rows of an execution of a piece."""
    return f"{prefix}rows-{unique}.msgpack"


def seal_manifest_key(prefix: str, mark: str) -> str:
    """Return the key of the manifest of a seal."""
    return f"{prefix}seal-{mark}{_MANIFEST}"


def seal_marker_key(prefix: str, mark: str, *, unique: str) -> str:
    """Return the key of an empty object that says that a seal is committed."""
    return f"{prefix}seal-{mark}-{unique}{_COMMITTED}"


def pack_manifest_key(key: str) -> str:
    """Return the key of the manifest of a rewritten pack."""
    return f"{key}{_MANIFEST}"


def pack_mark(key: str) -> str:
    """Return the mark of the rewrite that has made a pack."""
    return key.rpartition(_REWRITTEN)[2]


def objects_of_pack(key: str) -> list[str]:
    """Return the keys of a pack and, if it was rewritten, of its manifest."""
    return [key, pack_manifest_key(key)] if f"/{_REWRITTEN}" in key else [key]


def pack_of(key: str) -> str:
    """Return the key of the pack that a key belongs to, its own or that of its manifest."""
    return key.removesuffix(_MANIFEST)


def manifest_mark(key: str) -> str | None:
    """Return the mark of the seal whose manifest has this key; None for another key."""
    found = _SEAL_MANIFEST.fullmatch(key)
    return found[1] if found else None


def marker_mark(key: str) -> str | None:
    """Return the mark of the seal of which a marker has this key; None for another key."""
    found = _SEAL_MARKER.fullmatch(key)
    return found[1] if found else None


def saved_as(account: AccountSid, resource_type: str, day: Day) -> str:
    """Return the name under which a sealed file is saved by who downloads it."""
    return f"{account}-{resource_type}-{day}.json.gz"


def download_headers(key: str) -> dict[str, str]:
    """Return the headers with which an object store answers a download of the sealed file of a key; none for others."""
    place = sealed_place(key)
    if place is None:
        return {}
    return {
        "Content-Type": "application/gzip",
        "Content-Disposition": f'attachment; filename="{saved_as(*place)}"',
    }


def day_of_key(key: str) -> tuple[str, str] | None:
    """Return resource type and day, as they are in a key of one of the families; None for another key."""
    found = _OF_A_DAY.match(key)
    return (found[1], found[2]) if found else None


def announced_prefix(key: str) -> str:
    """Return the `sealed_prefix` of a key under one; for another key, a text with which no key begins."""
    found = _OF_A_SEAL.match(key)
    return found[0] if found else "/"


def sealed_place(key: str) -> tuple[AccountSid, str, Day] | None:
    """Return account, name of the resource type and day of the key of a sealed file; None for another key."""
    found = _SEALED.match(key)
    return (AccountSid(found[3]), found[1], Day.parse(found[2])) if found else None
