"""Rows of packs: objects that several sealed files share, with exact counts of the rows that point to each.

Whoever adds, drops or repoints a sealed day locks the rows of its packs first, by ascending id. So of two transactions
that take the last two files of a pack, the second sees what the first has left, and exactly one condemns the object.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, or_, select, update

from dayfile.errors import LostClaim
from dayfile.model.day import Day
from dayfile.model.resource import ResourceType
from dayfile.model.seal import SealClaim
from dayfile.store.columns import known_type, read_type, sum_of
from dayfile.store.dialect import in_batches, insert, insert_missing
from dayfile.store.instance import Instance
from dayfile.store.sound_rows import sound_rows
from dayfile.store.tables.sealing import pack as table
from dayfile.store.tables.sealing import sealed_day

NEW, LIVE = "new", "live"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """A pack of committed seals, and how much of it is still of use."""

    id: int
    key: str
    resource_type: ResourceType
    day: Day
    size_bytes: int
    live_bytes: int
    live_files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The part of a pack that some rows are."""

    files: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A file that was copied into another pack: its row, and where it was and is."""

    sealed_day_id: int
    size_bytes: int
    offset: int
    new_offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PackTotals:
    """All packs of committed seals, counted."""

    packs: int
    size_bytes: int
    live_bytes: int

    @property
    def dead_bytes(self) -> int:
        """The number of bytes of files whose rows were forgotten, until their packs are rewritten."""
        return self.size_bytes - self.live_bytes


class Packs:
    """The packs, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def fill(self, claim: SealClaim, shares: Mapping[str, Share], *, sizes: Mapping[str, int]) -> dict[str, int]:
        """Count files about to be recorded into the new packs of a seal, and return the packs' ids by their keys.

        `sizes` has the size of each pack. Raises LostClaim for a pack of another seal.
        """
        rows = [_new(claim, key, sizes[key]) | {"state": NEW, "seal_id": claim.id} for key in sorted(shares)]
        insert_missing(self._connection, table, rows)
        ids: dict[str, int] = {}
        for key in sorted(shares):
            own = table.c.object_key == key, table.c.state == NEW, table.c.seal_id == claim.id
            found = self._connection.execute(_counted(shares[key]).where(*own).returning(table.c.id)).scalar()
            if found is None:
                raise LostClaim(f"the pack {key} is not of this seal")
            ids[key] = found
        return ids

    def adopt(self, claim: SealClaim, shares: Mapping[str, Share], *, sizes: Mapping[str, int]) -> dict[str, int]:
        """Do the same with packs that count already, whoever has made them."""
        rows = [_new(claim, key, sizes[key]) | {"state": LIVE} for key in sorted(shares)]
        insert_missing(self._connection, table, rows)
        counted = {key: _counted(shares[key]).where(table.c.object_key == key) for key in sorted(shares)}
        return {
            key: int(self._connection.execute(statement.returning(table.c.id)).scalar_one())
            for key, statement in counted.items()
        }

    def lock(self, pack_ids: Collection[int]) -> None:
        """Lock packs until this transaction ends; those that are gone are ignored."""
        for batch in in_batches(sorted(pack_ids)):
            query = select(table.c.id).where(table.c.id.in_(batch)).order_by(table.c.id)
            self._connection.execute(query.with_for_update()).all()

    def release(self, rows: Sequence[tuple[int, int]]) -> list[str]:
        """Count files out of locked packs, and return the keys of those left empty, whose rows are dropped.

        `rows` has, for each file, the id of its pack and its size. The caller drops or repoints the rows, and condemns
        the keys, in this transaction.
        """
        files, sizes = Counter(pack_id for pack_id, _ in rows), Counter[int]()
        for pack_id, size_bytes in rows:
            sizes[pack_id] += size_bytes
        emptied = []
        for pack_id in sorted(files):
            gone = Share(files=-files[pack_id], size_bytes=-sizes[pack_id])
            left = _counted(gone).where(table.c.id == pack_id).returning(table.c.live_files, table.c.object_key)
            row = self._connection.execute(left).one_or_none()
            if row is not None and row.live_files <= 0:
                self._connection.execute(delete(table).where(table.c.id == pack_id))
                emptied.append(row.object_key)
        return emptied

    def next_to_rewrite(self, *, until: datetime, now: datetime) -> Pack | None:
        """Return a pack of which half is dead, and let it rest until then, so that nobody else takes it; or None."""
        Instance(self._connection).check_version()
        query = (
            select(table)
            .where(table.c.state == LIVE, table.c.live_bytes * 2 <= table.c.size_bytes, _is_rested(now))
            .order_by(table.c.id)
            .limit(1)
        )
        row = self._connection.execute(query.with_for_update(skip_locked=True)).one_or_none()
        if row is None:
            return None
        self.rest(row.id, until=until)
        return _pack(row)

    def count_to_rewrite(self, *, now: datetime) -> int:
        """Return the number of packs that `next_to_rewrite` would find."""
        query = select(func.count()).select_from(table)
        due = table.c.state == LIVE, table.c.live_bytes * 2 <= table.c.size_bytes, _is_rested(now)
        return self._connection.execute(query.where(*due)).scalar_one()

    def totals(self) -> PackTotals:
        """Return the number of packs and of their bytes."""
        sizes = (func.coalesce(sum_of(column), 0) for column in (table.c.size_bytes, table.c.live_bytes))
        query = select(func.count(), *sizes).where(table.c.state == LIVE)
        packs, size_bytes, live_bytes = self._connection.execute(query).one()
        return PackTotals(packs=packs, size_bytes=int(size_bytes), live_bytes=int(live_bytes))

    def rest(self, pack_id: int, *, until: datetime) -> None:
        """Leave a pack as it is until then."""
        self._connection.execute(update(table).where(table.c.id == pack_id).values(rests_until=until))

    def move(
        self, old: Pack, moves: Sequence[Move], *, key: str, size_bytes: int, is_first: bool
    ) -> tuple[int, list[str]]:
        """Repoint rows that are still where they were, and return how many, and the key of the old pack if emptied.

        The pack at `key` gets its row with the first file that moves to it. Rows that others have locked stay. Raises
        LostClaim if that pack has been emptied again since then.
        """
        Instance(self._connection).check_version()
        self.lock([old.id])
        still = self._still_there(old.id, moves)
        moved = [move for move in moves if still.get(move.sealed_day_id) == move.offset]
        if not moved:
            return 0, []
        share = Share(files=len(moved), size_bytes=sum(one.size_bytes for one in moved))
        new_id = self._begun(old, share, key=key, size_bytes=size_bytes) if is_first else self._grown(share, key=key)
        statement = (
            update(sealed_day)
            .where(
                sealed_day.c.id == bindparam("row_id"),
                sealed_day.c.pack_id == old.id,
                sealed_day.c.pack_offset == bindparam("was"),
            )
            .values(pack_id=new_id, pack_offset=bindparam("becomes"))
        )
        rows = [{"row_id": one.sealed_day_id, "was": one.offset, "becomes": one.new_offset} for one in moved]
        self._connection.execute(statement, rows)
        return len(moved), self.release([(old.id, one.size_bytes) for one in moved])

    def make_live(self, seal_id: int) -> None:
        """Let the packs of a seal count, in the commit of the seal."""
        own = table.c.seal_id == seal_id, table.c.state == NEW
        self._connection.execute(update(table).where(*own).values(state=LIVE, seal_id=None))

    def drop_new(self, seal_ids: Collection[int]) -> None:
        """Drop the packs of seals that are abandoned; the ledger leads the sweep to the objects."""
        own = table.c.seal_id.in_(seal_ids), table.c.state == NEW
        self._connection.execute(delete(table).where(*own))

    def keys_among(self, keys: Collection[str]) -> set[str]:
        """Return the given object keys that are those of packs."""
        found: set[str] = set()
        for batch in in_batches(keys):
            found.update(
                self._connection.execute(select(table.c.object_key).where(table.c.object_key.in_(batch))).scalars()
            )
        return found

    def all(self) -> list[Pack]:
        """Return all packs, by id; none of an unknown resource type."""
        query = select(table).where(known_type(table)).order_by(table.c.id)
        return sound_rows(self._connection, query, _pack)

    def miscounted(self, *, limit: int) -> list[tuple[str, int, int]]:
        """Return packs whose counts are not those of their rows: key, number of files counted, number of rows."""
        rows = (
            select(
                sealed_day.c.pack_id,
                func.count().label("files"),
                sum_of(sealed_day.c.size_bytes).label("bytes"),
            )
            .where(sealed_day.c.pack_id.is_not(None))
            .group_by(sealed_day.c.pack_id)
            .subquery()
        )
        files, size = func.coalesce(rows.c.files, 0), func.coalesce(rows.c.bytes, 0)
        query = (
            select(table.c.object_key, table.c.live_files, files.label("files"))
            .select_from(table.outerjoin(rows, rows.c.pack_id == table.c.id))
            .where(or_(table.c.live_files != files, table.c.live_bytes != size))
            .order_by(table.c.id)
            .limit(limit)
        )
        return [(row.object_key, row.live_files, row.files) for row in self._connection.execute(query)]

    def _still_there(self, pack_id: int, moves: Sequence[Move]) -> dict[int, int]:
        """Return the offsets of rows that are still in a pack, by their ids; they are locked."""
        found: dict[int, int] = {}
        for batch in in_batches(sorted(one.sealed_day_id for one in moves)):
            query = (
                select(sealed_day.c.id, sealed_day.c.pack_offset)
                .where(sealed_day.c.id.in_(batch), sealed_day.c.pack_id == pack_id)
                .order_by(sealed_day.c.id)
                .with_for_update(skip_locked=True)
            )
            found |= {row.id: row.pack_offset for row in self._connection.execute(query)}
        return found

    def _begun(self, old: Pack, share: Share, *, key: str, size_bytes: int) -> int:
        """Add the pack that replaces another one, with its first files, and return its id."""
        row = _new(old, key, size_bytes) | {
            "live_files": share.files,
            "live_bytes": share.size_bytes,
            "state": LIVE,
        }
        statement = insert(self._connection, table).values(row).returning(table.c.id)
        return int(self._connection.execute(statement).scalar_one())

    def _grown(self, share: Share, *, key: str) -> int:
        """Count more files into that pack, and return its id."""
        grown = _counted(share).where(table.c.object_key == key).returning(table.c.id)
        found = self._connection.execute(grown).scalar_one_or_none()
        if found is None:
            raise LostClaim(f"the pack {key} has been emptied and condemned meanwhile")
        return int(found)


def _new(of: SealClaim | Pack, key: str, size_bytes: int) -> dict[str, Any]:
    return {
        "object_key": key,
        "resource_type": of.resource_type.name,
        "day": of.day,
        "size_bytes": size_bytes,
        "live_bytes": 0,
        "live_files": 0,
    }


def _counted(share: Share) -> Any:
    return update(table).values(
        live_files=table.c.live_files + share.files, live_bytes=table.c.live_bytes + share.size_bytes
    )


def _is_rested(now: datetime) -> Any:
    return or_(table.c.rests_until.is_(None), table.c.rests_until <= now)


def _pack(row: Row[Any]) -> Pack:
    return Pack(
        id=row.id,
        key=row.object_key,
        resource_type=read_type(row.resource_type, "pack", row.id),
        day=row.day,
        size_bytes=row.size_bytes,
        live_bytes=row.live_bytes,
        live_files=row.live_files,
    )
