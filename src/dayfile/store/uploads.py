"""The ledger of objects: which are about to be written, which count, and which may be deleted.

It fences the sweep from writers. A host can be frozen between its put and its commit, so the row is committed as
pending before the put; the commit that makes the object count turns pending into live by compare-and-set; and the sweep
turns pending into garbage first and deletes only then. The second of the two finds the row changed and loses.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, select, update

from dayfile.errors import LostClaim
from dayfile.store.dialect import in_batches
from dayfile.store.instance import Instance
from dayfile.store.sound_rows import sound_rows
from dayfile.store.tables.records import upload as table

REJECTIONS = "rejections"
"""The prefix of entries for rejections that are written before their batch is committed."""

PENDING, LIVE, GARBAGE, SWEPT = "pending", "live", "garbage", "swept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One entry: the object with the key `prefix` or, with a mark, all whose keys begin with it and contain the mark.

    The prefix `REJECTIONS` stands for no object but for rejections, which name the entry.
    """

    id: int
    prefix: str
    mark: str
    state: str


_BEGIN: Final = insert(table).returning(table.c.id, sort_by_parameter_order=True)


class Uploads:
    """The ledger, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin(self, prefix: str, *, mark: str = "", now: datetime) -> int:
        """Announce objects about to be written and return the entry's id; commit this before the first put."""
        values = {"prefix": prefix, "mark": mark, "state": PENDING, "changed_at": now}
        return int(self._connection.execute(insert(table).values(values).returning(table.c.id)).scalar_one())

    def begin_each(self, prefixes: Sequence[str], *, now: datetime) -> list[int]:
        """Announce several objects and return the ids of their entries, in their order; as `begin` does."""
        rows = [{"prefix": prefix, "mark": "", "state": PENDING, "changed_at": now} for prefix in prefixes]
        return [int(one) for one in self._connection.execute(_BEGIN, rows).scalars()] if rows else []

    def extend(self, upload_id: int, *, now: datetime) -> None:
        """Mark a long write as alive; raises LostClaim if the sweep was there first."""
        statement = update(table).where(table.c.id == upload_id, table.c.state == PENDING).values(changed_at=now)
        if self._connection.execute(statement).rowcount != 1:
            raise LostClaim(f"the upload {upload_id} was taken for abandoned and is being swept")

    def go_live(self, upload_ids: Collection[int], *, now: datetime) -> None:
        """Make announced objects count, in the commit that refers to them; raises LostClaim unless all were pending."""
        for batch in in_batches(upload_ids):
            statement = update(table).where(table.c.id.in_(batch), table.c.state == PENDING)
            changed = self._connection.execute(statement.values(state=LIVE, changed_at=now)).rowcount
            if changed != len(batch):
                raise LostClaim("an upload was taken for abandoned and is being swept: nothing of it was accepted")

    def settle(self, upload_ids: Collection[int]) -> None:
        """Drop the entries of rejections or objects that rows lead to from this commit on.

        Raises LostClaim unless all were pending.
        """
        for batch in in_batches(upload_ids):
            settled = delete(table).where(table.c.id.in_(batch), table.c.state == PENDING)
            if self._connection.execute(settled).rowcount != len(batch):
                raise LostClaim("what was written was taken for abandoned and is being swept")

    def discard(self, prefixes: Collection[str], *, now: datetime, delete_after: datetime) -> None:
        """Mark live objects as garbage, unreferenced from this commit on: they may be deleted after `delete_after`."""
        Instance(self._connection).check_version()
        for batch in in_batches(prefixes):
            statement = update(table).where(table.c.prefix.in_(batch), table.c.mark == "", table.c.state == LIVE)
            self._connection.execute(statement.values(state=GARBAGE, changed_at=now, delete_after=delete_after))

    def condemn(self, keys: Collection[str], *, now: datetime, delete_after: datetime) -> None:
        """Do the same for objects that may have gone live with others, under one entry, which stays."""
        Instance(self._connection).check_version()
        garbage = {"state": GARBAGE, "changed_at": now, "delete_after": delete_after}
        for batch in in_batches(keys):
            own = update(table).where(table.c.prefix.in_(batch), table.c.mark == "", table.c.state == LIVE)
            known = set(self._connection.execute(own.values(garbage).returning(table.c.prefix)).scalars())
            rows = [{"prefix": key, "mark": "", **garbage} for key in batch if key not in known]
            if rows:
                self._connection.execute(insert(table), rows)

    def condemn_marked(self, prefix: str, marks: Collection[str], *, now: datetime) -> None:
        """Mark as garbage whatever is, or ever will be, under the prefix and has one of these texts in its key.

        Writers that nobody can reach may still be at it, and no row will ever refer to what they write.
        """
        if marks:
            Instance(self._connection).check_version()
            garbage = {"state": GARBAGE, "changed_at": now, "delete_after": now}
            self._connection.execute(insert(table), [{"prefix": prefix, "mark": mark, **garbage} for mark in marks])

    def forget_empty(self, upload_ids: Collection[int]) -> None:
        """Drop live entries whose objects are all gone, or condemned on their own."""
        for batch in in_batches(upload_ids):
            self._connection.execute(delete(table).where(table.c.id.in_(batch), table.c.state == LIVE))

    def give_up(self, upload_ids: Collection[int], *, now: datetime) -> None:
        """Mark pending objects as garbage at once, since their writer will not go on."""
        for batch in in_batches(upload_ids):
            statement = update(table).where(table.c.id.in_(batch), table.c.state == PENDING)
            self._connection.execute(statement.values(state=GARBAGE, changed_at=now, delete_after=now))

    def has_stale(self, *, before: datetime) -> bool:
        """Return True if `condemn_stale` would find anything."""
        query = select(table.c.id).where(table.c.state == PENDING, table.c.changed_at < before).limit(1)
        return self._connection.execute(query).first() is not None

    def condemn_stale(self, *, before: datetime, now: datetime) -> int:
        """Turn announcements that were not touched since `before` into garbage and return their number."""
        Instance(self._connection).check_version()
        statement = update(table).where(table.c.state == PENDING, table.c.changed_at < before)
        return self._connection.execute(statement.values(state=GARBAGE, changed_at=now, delete_after=now)).rowcount

    def due(self, *, now: datetime, limit: int) -> list[Upload]:
        """Return garbage and swept entries whose objects are to be deleted now, oldest first; raises Outdated."""
        Instance(self._connection).check_version(is_locked=False)
        query = (
            select(table)
            .where(table.c.state.in_([GARBAGE, SWEPT]), table.c.delete_after <= now)
            .order_by(table.c.delete_after, table.c.id)
            .limit(limit)
        )
        return sound_rows(self._connection, query, _upload)

    def swept(self, upload_ids: Sequence[int], *, look_again_at: datetime) -> None:
        """Mark entries as swept: their objects are deleted, and once more later, since a frozen writer may put one."""
        for batch in in_batches(upload_ids):
            statement = update(table).where(table.c.id.in_(batch), table.c.state == GARBAGE)
            self._connection.execute(statement.values(state=SWEPT, delete_after=look_again_at))

    def put_off(self, upload_ids: Sequence[int], *, until: datetime) -> None:
        """Leave entries alone for a while whose objects cannot be deleted now."""
        for batch in in_batches(upload_ids):
            self._connection.execute(update(table).where(table.c.id.in_(batch)).values(delete_after=until))

    def forget(self, upload_ids: Sequence[int]) -> None:
        """Drop swept entries: their objects were deleted twice."""
        for batch in in_batches(upload_ids):
            self._connection.execute(delete(table).where(table.c.id.in_(batch), table.c.state == SWEPT))

    def answered_for(self, keys: Collection[str], *, prefix_of: Callable[[str], str]) -> set[str]:
        """Return the given keys of objects that are being written or will be swept, which no live entry says.

        An object is announced by its key, or with others by the prefix that its key has. Raises DamagedRow for an entry
        that cannot be read: what nothing answers for is deleted.
        """
        found: set[str] = set()
        for batch in in_batches(keys):
            prefixes = {*batch, *map(prefix_of, batch)}
            query = select(table.c.prefix, table.c.mark).where(table.c.prefix.in_(prefixes), table.c.state != LIVE)
            entries = self._connection.execute(query).all()
            found.update(
                key for key in batch for entry in entries if key.startswith(entry.prefix) and entry.mark in key
            )
        return found

    def find(self, prefix: str) -> Upload | None:
        """Return the newest entry with exactly this prefix, or None."""
        query = select(table).where(table.c.prefix == prefix).order_by(table.c.id.desc()).limit(1)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else _upload(row)


def _upload(row: Row[Any]) -> Upload:
    return Upload(id=row.id, prefix=row.prefix, mark=row.mark, state=row.state)
