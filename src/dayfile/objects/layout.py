"""The layout of object keys: segments and sealed files, by resource type and day; and probes."""

from __future__ import annotations

import re
from typing import Final

from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.resource import ResourceType

FAMILIES: Final = ("sealed/", "segments/")
"""The beginnings of all keys that the ledger knows."""

PROBES: Final = "probes/"
"""The beginning of keys of objects that are written, without a ledger entry, to see whether the storage works."""

UNIQUE_DIGITS: Final = 32
"""The number of hexadecimal digits that make a key unlike any other."""

_OF_A_SEAL: Final = re.compile(r"sealed/type=\w+/day=[0-9]{4}-[0-9]{2}-[0-9]{2}/", re.ASCII)
_SEALED: Final = re.compile(r"sealed/type=(\w+)/day=([0-9]{4}-[0-9]{2}-[0-9]{2})/account=(AC[0-9a-f]{32})/", re.ASCII)


def segment_key(resource_type: ResourceType, day: Day, unique: str) -> str:
    """Return the key of a segment; `unique` is hexadecimal digits that no other key has."""
    return f"segments/type={resource_type.name}/day={day}/{unique}.parquet"


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


def announced_prefix(key: str) -> str:
    """Return the `sealed_prefix` of a key under one; for another key, a text with which no key begins."""
    found = _OF_A_SEAL.match(key)
    return found[0] if found else "/"


def sealed_place(key: str) -> tuple[AccountSid, str, Day] | None:
    """Return account, name of the resource type and day of the key of a sealed file; None for another key."""
    found = _SEALED.match(key)
    return (AccountSid(found[3]), found[1], Day.parse(found[2])) if found else None
