"""Where it is written who did what, and when. Rows are only ever added."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert

from dayfile.store.tables.instance import audit as table


class Audit:
    """The audit log, within one transaction: in the same commit as what it tells."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, *, actor: str, action: str, subject: str, now: datetime) -> None:
        """Note that `actor` (a sid, or `operator`) did `action` to `subject`; never a secret or a record's content."""
        values = {"at": now, "actor": actor, "action": action, "subject": subject}
        self._connection.execute(insert(table).values(values))
