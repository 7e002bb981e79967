"""Correction of times that were written while the clock was ahead, once it has gone back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Column, Connection, and_, delete, update

from dayfile.model.day import Day
from dayfile.store.seals import OLDER, OPEN, SEALED
from dayfile.store.tables.accounts import session
from dayfile.store.tables.exports import daily_run, day_file, export_configuration, job, job_day
from dayfile.store.tables.notices import lane, notice
from dayfile.store.tables.records import segment, upload
from dayfile.store.tables.sealing import day_state, pack, seal

Columns = tuple[Column[Any], ...]

FACTS: Final[Columns] = (
    segment.c.accepted_at,  # late records rest from then on, and jobs submitted later include them
    upload.c.changed_at,
    job.c.submitted_at,
    job.c.over_at,
    export_configuration.c.enabled_at,  # days that end after it are exported
)
"""Columns with the time at which something happened: never later than now."""

LEASES: Final[Columns] = (job_day.c.leased_until, seal.c.leased_until, lane.c.leased_until)
PAUSES: Final[Columns] = (
    job_day.c.not_before,
    job.c.due_at,
    daily_run.c.not_before,
    lane.c.rests_until,
    pack.c.rests_until,
)
NEXT_ATTEMPTS: Final[Columns] = (notice.c.next_attempt_at, lane.c.due_at)
PATIENCE: Final[Columns] = (notice.c.gives_up_at,)
FILE_LIFETIMES: Final[Columns] = (day_file.c.expires_at,)
SESSIONS: Final[Columns] = (session.c.expires_at,)
RESTS_OF_GARBAGE: Final[Columns] = (upload.c.delete_after,)


class WrongTimes:
    """Moments and days that only a clock that was ahead can have written, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def cut(self, longest: Mapping[Columns, timedelta], *, now: datetime) -> int:
        """Cut moments that are further from now than the longest delay of their kind to it, and return their number."""
        cut = 0
        for columns, delay in longest.items():
            for column in columns:
                latest = now + delay
                statement = update(column.table).where(column > latest).values({column.name: latest})
                cut += self._connection.execute(statement).rowcount
        return cut

    def withdraw_days(self, *, now: datetime, grace: timedelta) -> int:
        """Revert days that were opened, sealed or exported before their time; return their number, by resource type.

        Days after today are not known any more, and one that was sealed too early is open again: it is sealed, and
        exported, at its time. Published days of that kind that have no records leave the list. Files stay: they are
        records, and the next seal makes a revision of them.
        """
        today, oldest = Day.of(now), Day.of(now - grace)
        early = and_(day_state.c.day >= oldest, day_state.c.sealed_at > now)
        runs = and_(daily_run.c.day >= oldest, daily_run.c.started_at > now)
        empty = and_(day_file.c.day >= oldest, day_file.c.created_at > now, day_file.c.sealed_day_id.is_(None))
        self._connection.execute(delete(daily_run).where(runs))
        self._connection.execute(delete(day_file).where(empty))
        reopened = update(day_state).where(early, day_state.c.state == SEALED, day_state.c.day <= today)
        gone = delete(day_state).where((day_state.c.day > today) | and_(early, day_state.c.state == OLDER))
        count = self._connection.execute(reopened.values(state=OPEN, sealed_at=None)).rowcount
        return count + self._connection.execute(gone).rowcount
