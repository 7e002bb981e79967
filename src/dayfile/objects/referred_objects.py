"""Objects that a database refers to, one day of a resource type at a time, and what is known of their bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby

from dayfile.model.resource import parse_resource_type
from dayfile.objects import layout
from dayfile.store.database import Database
from dayfile.store.referred import DayOfType, SealedPart


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferredObject:
    """An object that some row refers to."""

    key: str
    size_bytes: int | None  # None: no row says
    parts: Sequence[SealedPart] = ()  # the sealed files in it, in order

    def is_among(self, lost: Collection[str]) -> bool:
        """Return True if its loss is known, or if nothing that is served needs it, as the manifest of a seal."""
        of_its_files = bool(self.parts) and all(part.name in lost for part in self.parts)
        return self.key in lost or of_its_files or (self.size_bytes is None and not self.parts)


class WholeParts:
    """The comparison of an object's sealed files with their hashes, while its bytes go by."""

    def __init__(self, parts: Sequence[SealedPart]) -> None:
        self._left = list(reversed(parts))
        self._hashed = hashlib.sha256()
        self._at = 0
        self._damaged: list[str] = []

    def update(self, block: bytes) -> None:
        """Take the next bytes."""
        view, start = memoryview(block), self._at
        self._at += len(view)
        while self._left:
            part = self._left[-1]
            end = part.start + part.size_bytes
            self._hashed.update(view[max(part.start - start, 0) : max(end - start, 0)])
            if end > self._at:
                return
            self._damaged += [part.name] if self._hashed.hexdigest() != part.sha256 else []
            self._left.pop()
            self._hashed = hashlib.sha256()

    def damaged(self) -> tuple[str, ...]:
        """Return, at the end of the bytes, the names of the files that are others or were not all there, in order."""
        return (*self._damaged, *(part.name for part in reversed(self._left)))


def days_of(database: Database) -> list[DayOfType]:
    """Return the days of each resource type that a database knows, in order."""
    with database.snapshot() as tx:
        return tx.referred.days()


def lost_of(database: Database, of: DayOfType) -> set[str]:
    """Return the keys of the objects and files of a day that are known to be damaged or lost."""
    with database.snapshot() as tx:
        return tx.referred.lost(of)


def objects_of(database: Database, of: DayOfType) -> list[ReferredObject]:
    """Return the objects that the rows of a day refer to, in the order of their keys."""
    with database.snapshot() as tx:
        sizes, seals = tx.referred.sizes(of), tx.referred.seals(of)
        parts = {
            key: list(parts)
            for packed in (True, False)
            for key, parts in groupby(tx.referred.parts(of, packed=packed), key=lambda part: part.object_key)
        }
    prefix = layout.sealed_prefix(parse_resource_type(of[0]), of[1])
    unsized = [key for pack in sizes for key in layout.objects_of_pack(pack)[1:]]
    for mark, marker in seals:
        unsized += [layout.seal_manifest_key(prefix, mark), *([marker] if marker else [])]
    found = [ReferredObject(key=key, size_bytes=sizes.get(key), parts=parts.get(key, ())) for key in sizes | parts]
    found += [ReferredObject(key=key, size_bytes=None) for key in unsized]
    return sorted(found, key=lambda one: one.key)
