"""The mark of the clock: one row with the latest moment at which the clock was believed."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, Row, select

from dayfile.model.clock_trust import ClockMark, ClockReading, Doubt, Trust, trust
from dayfile.store.dialect import upsert
from dayfile.store.prepared import Prepared
from dayfile.store.tables.instance import clock_mark as table

_ONLY: Final = 1
_MARK: Final = Prepared(select(table).where(table.c.id == _ONLY))


class ClockMarks:
    """The mark, within one transaction. An action that cannot be undone asks for the trust in its own transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self) -> ClockMark | None:
        """Return the mark; None before the first start."""
        row = _MARK.row(self._connection)
        return None if row is None else _mark(row)

    def lock(self) -> ClockMark | None:
        """Return the mark and lock it until this transaction ends; None before the first start."""
        row = self._connection.execute(select(table).where(table.c.id == _ONLY).with_for_update()).one_or_none()
        return None if row is None else _mark(row)

    def put(self, mark: ClockMark) -> None:
        """Replace the mark."""
        doubt = mark.doubt
        row = {
            "id": _ONLY,
            "at": mark.at,
            "passed": mark.passed,
            "boot_id": mark.boot_id,
            "uptime": mark.uptime,
            "said": doubt.said if doubt else None,
            "agreed_for": doubt.agreed_for if doubt else None,
            "needed_for": doubt.needed_for if doubt else None,
        }
        upsert(self._connection, table, [row])

    def trust(self, reading: ClockReading) -> Trust:
        """Return what may be done at this reading."""
        return trust(self.find(), reading)


def _mark(row: Row[Any]) -> ClockMark:
    is_doubted = row.said is not None
    return ClockMark(
        at=row.at,
        passed=row.passed,
        boot_id=row.boot_id,
        uptime=row.uptime,
        doubt=Doubt(said=row.said, agreed_for=row.agreed_for, needed_for=row.needed_for) if is_doubted else None,
    )
