"""Manifests of backups: what belongs to one, with sizes and hashes. Written last, so that half a backup has none.

A backup is a folder of keys, `backups/NUMBER-MARK/`, beside the objects, which all backups of an instance share. Its
manifest is JSON; the list of its objects is an object of its own, JSON lines in one gzip member, by resource type and
day, since it grows with the instance.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Final, Self

import msgspec

from dayfile.errors import Corrupt, NotFound
from dayfile.files.hashed import Hashed
from dayfile.files.storage import Storage

BACKUPS: Final = "backups/"
"""The beginning of the keys of all that backups write beside objects."""

FORMAT: Final = 1
"""The number of this form of backups."""

_MANIFEST: Final = "/manifest.json"
_OF: Final = re.compile(rf"{BACKUPS}([0-9]{{6,}})-([0-9a-f]+)/[a-z.]+", re.ASCII)


class DamagedManifest(Corrupt):
    """A manifest of a backup that is no manifest of any version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPart:
    """One object that belongs to a backup."""

    key: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedUpObject:
    """An object that the database of a backup refers to."""

    resource_type: str
    day: str
    key: str
    size_bytes: int
    sha256: str
    is_damaged: bool = False  # it was not what its row says, and was copied as it was


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupManifest:
    """The manifest of a whole backup."""

    format: int
    version: str  # of Dayfile
    schema: str
    instance: str  # the id of the instance
    made_at: str  # when its database was copied: what was accepted by then is in it
    key_check: str  # by which the key of the instance is recognised
    database: StoredPart
    listed: StoredPart  # the list of its objects
    key: StoredPart | None  # None: without the key of the instance
    objects: int
    size_bytes: int  # of its objects
    damaged: tuple[str, ...]
    missing: tuple[str, ...]  # known to be lost when it was made

    def encoded(self) -> bytes:
        """Return the bytes of its object."""
        return msgspec.json.format(msgspec.json.encode(asdict(self)), indent=2) + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Return the manifest in the bytes of an object; raises Corrupt, or DamagedManifest for no manifest at all."""
        try:
            return msgspec.json.decode(data, type=cls)
        except msgspec.ValidationError as error:
            raise Corrupt(
                f"the manifest of the backup is damaged, or of another version of Dayfile: {error}"
            ) from error
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise DamagedManifest(f"the manifest of the backup is damaged: {error}") from error


def manifest_key(folder: str) -> str:
    """Return the key of the manifest of the backup in a folder of keys."""
    return f"{folder}{_MANIFEST}"


def number_of(key: str) -> tuple[int, str] | None:
    """Return the number of the backup that a key belongs to, and its folder; None for another key."""
    found = _OF.fullmatch(key)
    return (int(found[1]), key.rpartition("/")[0]) if found else None


def is_manifest(key: str) -> bool:
    """Return True for the key of a manifest of a backup."""
    return key.endswith(_MANIFEST) and number_of(key) is not None


def encoded_list(objects: Iterable[BackedUpObject]) -> Iterator[bytes]:
    """Yield the bytes of a list of objects."""
    packing = zlib.compressobj(wbits=31)
    for one in objects:
        yield packing.compress(msgspec.json.encode(one) + b"\n")
    yield packing.flush()


def read_list(storage: Storage, part: StoredPart) -> Iterator[BackedUpObject]:
    """Yield the objects of a list, which is compared with its hash when it was read; raises Corrupt, NotFound."""
    unpacking, hashed, rest = zlib.decompressobj(wbits=31), Hashed(storage.read(part.key)), b""
    try:
        for block in hashed:
            *lines, rest = (rest + unpacking.decompress(block)).split(b"\n")
            yield from (msgspec.json.decode(line, type=BackedUpObject) for line in lines)
    except (zlib.error, msgspec.MsgspecError) as error:
        raise Corrupt(f"{part.key} of the backup is damaged: {error}") from error
    if hashed.sha256 != part.sha256:
        raise Corrupt(f"{part.key} of the backup is damaged: its SHA-256 is not that of the manifest")


class ListedObjects:
    """The objects of a list, asked for by type and day in their order: one day of them is in memory at a time."""

    def __init__(self, storage: Storage, part: StoredPart | None, *, forgives: bool = False) -> None:
        """Read a list, or none; one that is damaged is taken for its beginning if `forgives` says so."""
        self._days = (
            iter(())
            if part is None
            else groupby(read_list(storage, part), key=lambda one: (one.resource_type, one.day))
        )
        self._forgives = forgives
        self._at: tuple[str, str] | None = ("", "")
        self._found: dict[str, BackedUpObject] = {}

    def of(self, day: tuple[str, str]) -> dict[str, BackedUpObject]:
        """Return the objects of a day, by key; it is not before those that were asked for. Raises Corrupt, NotFound."""
        while self._at is not None and self._at < day:
            try:
                self._at, objects = next(self._days, (None, ()))
                self._found = {one.key: one for one in objects}
            except (Corrupt, NotFound):
                if not self._forgives:
                    raise
                self._at = None
        return self._found if self._at == day else {}
