"""Day states and seals: which days are sealed, and who is sealing one right now."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Row, and_, delete, func, or_, select, text, true, update

from dayfile.errors import LostClaim
from dayfile.model.day import Day
from dayfile.model.resource import ResourceType
from dayfile.model.seal import KeptSeal, RunningSeal, SealClaim
from dayfile.store import uploads
from dayfile.store.columns import known_type, read_type
from dayfile.store.dialect import in_batches, insert, insert_missing
from dayfile.store.instance import Instance
from dayfile.store.packs import Packs
from dayfile.store.sound_rows import sound_rows
from dayfile.store.tables.sealing import day_state, seal, sealed_day

OPEN, SEALED, OLDER = "open", "sealed", "older"
RUNNING, COMMITTED, ABANDONED = "running", "committed", "abandoned"


class Seals:
    """Day states and seals, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def open_days(self, days: Iterable[tuple[ResourceType, Day]]) -> None:
        """Add days of resource types as open; days that are known stay as they are."""
        rows = [
            {"resource_type": resource_type.name, "day": day, "state": OPEN, "sealed_at": None}
            for resource_type, day in days
        ]
        insert_missing(self._connection, day_state, rows)

    def newest_days(self) -> dict[str, Day]:
        """Return the newest known day of each resource type, by its name; none of a type before its first day."""
        # A day from an archive was never opened: if it counted, all days since would look as if they had been missed.
        query = select(day_state.c.resource_type, func.max(day_state.c.day).label("day")).where(
            day_state.c.state != OLDER
        )
        rows = sound_rows(self._connection, query.group_by(day_state.c.resource_type), lambda row: row)
        return {row.resource_type: row.day for row in rows}

    def still_open(self, *, before: Day) -> list[tuple[ResourceType, Day]]:
        """Return the known days before that one that were never sealed, oldest first."""
        query = select(day_state.c.resource_type, day_state.c.day).where(
            day_state.c.state == OPEN, day_state.c.day < before
        )
        return sound_rows(
            self._connection,
            query.order_by(day_state.c.day, day_state.c.resource_type),
            lambda row: (read_type(row.resource_type, "day_state", row.day), row.day),
        )

    def is_open(self, resource_type: ResourceType, day: Day) -> bool:
        """Return True if the day is known and was never sealed."""
        query = select(day_state.c.state).where(day_state.c.resource_type == resource_type.name, day_state.c.day == day)
        return self._connection.execute(query).scalar_one_or_none() == OPEN

    def count(self) -> int:
        """Return the number of days, of each resource type, that are sealed."""
        query = select(func.count()).select_from(day_state).where(day_state.c.state.in_([SEALED, OLDER]))
        return self._connection.execute(query).scalar_one()

    def claim(
        self,
        resource_type: ResourceType,
        day: Day,
        *,
        worker: str,
        upload_id: int,
        mark: str,
        leased_until: datetime,
        now: datetime,
    ) -> SealClaim | None:
        """Claim the day, unless somebody holds it: then give up the upload that was begun for it and return None.

        A seal whose lease has run out is abandoned first.
        """
        self._abandon_expired(resource_type, day, now=now)
        statement = (
            insert(self._connection, seal)
            .values(
                resource_type=resource_type.name,
                day=day,
                state=RUNNING,
                worker=worker,
                leased_until=leased_until,
                upload_id=upload_id,
                mark=mark,
                started_at=now,
            )
            .on_conflict_do_nothing(
                index_elements=[seal.c.resource_type, seal.c.day], index_where=text("state = 'running'")
            )
            .returning(seal.c.id)
        )
        seal_id = self._connection.execute(statement).scalar_one_or_none()
        if seal_id is None:
            uploads.Uploads(self._connection).give_up([upload_id], now=now)
            return None
        return SealClaim(
            id=seal_id, resource_type=resource_type, day=day, worker=worker, upload_id=upload_id, mark=mark
        )

    def extend(self, claim: SealClaim, *, leased_until: datetime) -> None:
        """Extend the lease on the day; raises LostClaim if it is no longer held."""
        self._guarded(claim, leased_until=leased_until)

    def commit(self, claim: SealClaim, *, now: datetime, is_trusted: bool = True) -> bool:
        """Make the seal and all its sealed days count; return True if it is the day's first seal since its end.

        Returns False also for a day that was never opened here. If the clock is not trusted, nobody knows whether the
        day has ended: the day stays open, to be sealed at its time. Raises LostClaim if the day is no longer held.
        """
        self._guarded(claim, state=COMMITTED, committed_at=now)
        Packs(self._connection).make_live(claim.id)
        if not is_trusted or now < claim.day.end:
            return False  # more records will come: the day is still to be sealed at its time
        day = {"resource_type": claim.resource_type.name, "day": claim.day}
        opened = day_state.c.resource_type == claim.resource_type.name, day_state.c.day == claim.day
        first = update(day_state).where(*opened, day_state.c.state == OPEN).values(state=SEALED, sealed_at=now)
        if self._connection.execute(first).rowcount == 1:
            return True
        insert_missing(self._connection, day_state, [{**day, "state": OLDER, "sealed_at": now}])
        return False

    def is_free(self, resource_type: ResourceType, day: Day, *, now: datetime) -> bool:
        """Return True if nobody seals the day until this transaction ends; a seal whose lease ran out is abandoned."""
        self._abandon_expired(resource_type, day, now=now)
        query = select(seal.c.id).where(
            seal.c.resource_type == resource_type.name, seal.c.day == day, seal.c.state == RUNNING
        )
        return self._connection.execute(query.limit(1)).first() is None

    def abandon(self, claim: SealClaim, *, now: datetime) -> None:
        """Release the day with nothing sealed; fine if it is no longer held."""
        self._put_aside([claim.id], [claim.upload_id], now=now)

    def former_mark(self, resource_type: ResourceType, day: Day, *, before: int | None = None) -> str | None:
        """Return the mark of the last committed seal of a day; None if it has none that is still known.

        With `before`, that of the last one before the seal with this id.
        """
        query = (
            select(seal.c.mark)
            .where(seal.c.resource_type == resource_type.name, seal.c.day == day, seal.c.state == COMMITTED)
            .where(true() if before is None else seal.c.id < before)
            .order_by(seal.c.id.desc())
            .limit(1)
        )
        return self._connection.execute(query).scalar_one_or_none()

    def unmarked(self, *, limit: int) -> list[KeptSeal]:
        """Return committed seals that have no marker yet."""
        query = select(seal).where(seal.c.state == COMMITTED, seal.c.mark.is_not(None), seal.c.marker_key.is_(None))
        return sound_rows(self._connection, query.order_by(seal.c.id).limit(limit), _kept)

    def set_marker(self, seal_id: int, key: str) -> None:
        """Note the marker of a seal; raises LostClaim if it has one already, or is gone."""
        statement = update(seal).where(seal.c.id == seal_id, seal.c.marker_key.is_(None)).values(marker_key=key)
        if self._connection.execute(statement).rowcount != 1:
            raise LostClaim(f"the marker of the seal {seal_id} was written by another process")

    def marks_among(self, marks: Collection[str]) -> set[str]:
        """Return the given marks that are those of committed seals."""
        return self._among(seal.c.mark, marks)

    def markers_among(self, keys: Collection[str]) -> set[str]:
        """Return the given keys that are those of markers."""
        return self._among(seal.c.marker_key, keys)

    def kept(self, *, after: int, limit: int) -> list[KeptSeal]:
        """Return committed seals that have a manifest, by id; none of an unknown resource type."""
        has_one = seal.c.state == COMMITTED, seal.c.mark.is_not(None), known_type(seal)
        query = select(seal).where(*has_one, seal.c.id > after)
        return sound_rows(self._connection, query.order_by(seal.c.id).limit(limit), _kept)

    def forget(self, *, begun_before: datetime, limit: int) -> list[KeptSeal]:
        """Delete seals that were abandoned, or whose revisions are all gone, and return them.

        Their ledger entries go with them, since none of their other objects is left; the caller condemns manifests.
        """
        made = select(sealed_day.c.id).where(sealed_day.c.seal_id == seal.c.id).exists()
        superseded = select(sealed_day.c.id).where(sealed_day.c.superseded_by == seal.c.id).exists()
        query = (
            select(seal)
            .where(
                seal.c.started_at < begun_before,
                or_(seal.c.state == ABANDONED, and_(seal.c.state == COMMITTED, ~superseded)),
                ~made,
            )
            .limit(limit)
        )
        rows = self._connection.execute(query).all()
        self._connection.execute(delete(seal).where(seal.c.id.in_([row.id for row in rows])))
        uploads.Uploads(self._connection).forget_empty([row.upload_id for row in rows])
        return [_kept(row) for row in rows]

    def has_committed(self, resource_type: ResourceType, day: Day) -> bool:
        """Return True if some seal of the day was committed, at its time or before, and is still of use."""
        query = select(seal.c.id).where(
            seal.c.resource_type == resource_type.name, seal.c.day == day, seal.c.state == COMMITTED
        )
        return self._connection.execute(query.limit(1)).first() is not None

    def running(self, *, now: datetime) -> list[tuple[ResourceType, Day]]:
        """Return the days that somebody is sealing under a lease that has not run out."""
        query = select(seal.c.id, seal.c.resource_type, seal.c.day).where(
            seal.c.state == RUNNING, seal.c.leased_until > now
        )
        return sound_rows(self._connection, query, lambda row: (read_type(row.resource_type, "seal", row.id), row.day))

    def in_progress(self, *, limit: int) -> list[RunningSeal]:
        """Return the seals that run, the oldest first; those whose lease has run out, too."""
        query = select(seal).where(seal.c.state == RUNNING).order_by(seal.c.id).limit(limit)
        return [
            RunningSeal(
                resource_type=read_type(row.resource_type, "seal", row.id),
                day=row.day,
                worker=row.worker,
                started_at=row.started_at,
                leased_until=row.leased_until,
            )
            for row in self._connection.execute(query)
        ]

    def _among(self, column: Column[str], values: Collection[str]) -> set[str]:
        found: set[str] = set()
        for batch in in_batches(values):
            found.update(
                self._connection.execute(select(column).where(column.in_(batch), seal.c.state == COMMITTED)).scalars()
            )
        return found

    def _guarded(self, claim: SealClaim, **values: Any) -> None:
        statement = update(seal).where(seal.c.id == claim.id, seal.c.state == RUNNING, seal.c.worker == claim.worker)
        if self._connection.execute(statement.values(values)).rowcount != 1:
            raise LostClaim(f"{claim.worker} no longer holds {claim.resource_type.name} of {claim.day}")

    def _abandon_expired(self, resource_type: ResourceType, day: Day, *, now: datetime) -> None:
        Instance(self._connection).check_version()
        query = select(seal.c.id, seal.c.upload_id).where(
            seal.c.resource_type == resource_type.name,
            seal.c.day == day,
            seal.c.state == RUNNING,
            seal.c.leased_until <= now,
        )
        expired = self._connection.execute(query).all()
        if not expired:
            return
        self._put_aside([row.id for row in expired], [row.upload_id for row in expired], now=now)

    def _put_aside(self, seal_ids: list[int], upload_ids: list[int], *, now: datetime) -> None:
        statement = update(seal).where(seal.c.id.in_(seal_ids), seal.c.state == RUNNING)
        if self._connection.execute(statement.values(state=ABANDONED)).rowcount == 0:
            return
        Packs(self._connection).drop_new(seal_ids)  # packs first, as everywhere
        self._connection.execute(delete(sealed_day).where(sealed_day.c.seal_id.in_(seal_ids)))
        uploads.Uploads(self._connection).give_up(upload_ids, now=now)


def _kept(row: Row[Any]) -> KeptSeal:
    return KeptSeal(
        id=row.id,
        resource_type=read_type(row.resource_type, "seal", row.id),
        day=row.day,
        mark=row.mark,
        is_committed=row.state == COMMITTED,
        marker_key=row.marker_key,
        committed_at=row.committed_at,
    )
