"""Objects that the rows of a database refer to, by resource type and day.

Apart, because it joins what the families of tables keep apart: all that must be there for a database to be whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select, union

from dayfile.model.day import Day
from dayfile.store.seals import COMMITTED
from dayfile.store.tables.records import segment
from dayfile.store.tables.sealing import damage, pack, seal, sealed_day

DayOfType = tuple[str, Day]
"""The name of a resource type, and a day."""

_DATED: Final = (segment, pack, seal, sealed_day)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedPart:
    """A sealed file that counts: the bytes of an object, from `start`, of which there is a hash."""

    name: str
    object_key: str
    start: int
    size_bytes: int
    sha256: str


class ReferredObjects:
    """The references to objects, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def days(self) -> list[DayOfType]:
        """Return the days of each resource type that rows are of, in order: by type, then by day."""
        rows = self._connection.execute(union(*(select(one.c.resource_type, one.c.day) for one in _DATED)))
        return sorted(((row.resource_type, row.day) for row in rows), key=lambda one: (one[0], str(one[1])))

    def sizes(self, of: DayOfType) -> dict[str, int]:
        """Return the sizes of the objects of a day: of waiting segments, of packs and of files that have their own."""
        waiting = select(segment.c.object_key, segment.c.stored_bytes).where(*_is_of(segment, of))
        packs = select(pack.c.object_key, pack.c.size_bytes).where(*_is_of(pack, of), pack.c.state == "live")
        sizes = {row[0]: row[1] for row in self._connection.execute(waiting.where(segment.c.object_key.is_not(None)))}
        sizes |= {row[0]: row[1] for row in self._connection.execute(packs)}
        return sizes | {part.object_key: part.size_bytes for part in self.parts(of, packed=False)}

    def parts(self, of: DayOfType, *, packed: bool) -> Iterator[SealedPart]:
        """Yield the sealed files of a day that are in packs, in the order of their bytes, or that have an object."""
        key = pack.c.object_key if packed else sealed_day.c.file_key
        query = (
            select(key.label("key"), *(sealed_day.c[name] for name in _PART))
            .join(seal, seal.c.id == sealed_day.c.seal_id)
            .where(*_is_of(sealed_day, of), seal.c.state == COMMITTED)
        )
        query = query.join(pack, pack.c.id == sealed_day.c.pack_id) if packed else query.where(_OWN)
        for row in self._connection.execute(query.order_by(key, sealed_day.c.pack_offset)):
            yield SealedPart(
                name=row.file_key,
                object_key=row.key,
                start=row.pack_offset or 0,
                size_bytes=row.size_bytes,
                sha256=row.sha256,
            )

    def seals(self, of: DayOfType) -> list[tuple[str, str | None]]:
        """Return mark and key of the marker of the seals of a day that have manifests."""
        query = select(seal.c.mark, seal.c.marker_key).where(*_is_of(seal, of), seal.c.state == COMMITTED)
        return [(row[0], row[1]) for row in self._connection.execute(query.where(seal.c.mark.is_not(None)))]

    def lost(self, of: DayOfType) -> set[str]:
        """Return the keys of objects, or of files in packs, of a day that are known to be damaged or lost."""
        query = select(damage.c.object_key).where(*_is_of(damage, of), damage.c.state != "repaired")
        return set(self._connection.execute(query).scalars())


_PART: Final = ("file_key", "pack_offset", "size_bytes", "sha256")
_OWN: Final[Any] = sealed_day.c.pack_id.is_(None)


def _is_of(table: Any, of: DayOfType) -> tuple[Any, Any]:
    return table.c.resource_type == of[0], table.c.day == of[1]
