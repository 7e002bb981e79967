"""Rows of the workers of an instance, with the moment at which each was last seen.

Apart, because each table has a module of its own.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, or_, select

from dayfile.model.seen_worker import SeenWorker
from dayfile.store.dialect import upsert
from dayfile.store.instance import SCHEMA
from dayfile.store.tables.instance import worker as table


class Workers:
    """The workers, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def note(self, worker: SeenWorker) -> None:
        """Write down that a worker was seen."""
        row = {
            "name": worker.name,
            "version": worker.version,
            "started_at": worker.started_at,
            "seen_at": worker.seen_at,
            "schema_version": SCHEMA,
        }
        upsert(self._connection, table, [row])

    def leave(self, name: str) -> None:
        """Drop a worker that has ended; one that is not noted is ignored."""
        self._connection.execute(delete(table).where(table.c.name == name))

    def forget(self, *, now: datetime, unseen_for: timedelta) -> None:
        """Drop workers that were not seen for so long, or that a wrong clock will see so long after now."""
        lost = or_(table.c.seen_at < now - unseen_for, table.c.seen_at > now + unseen_for)
        self._connection.execute(delete(table).where(lost))

    def all(self) -> list[SeenWorker]:
        """Return every worker that is noted, the one seen last first."""
        query = select(table).order_by(table.c.seen_at.desc(), table.c.name)
        return [
            SeenWorker(name=row.name, version=row.version, started_at=row.started_at, seen_at=row.seen_at)
            for row in self._connection.execute(query)
        ]
