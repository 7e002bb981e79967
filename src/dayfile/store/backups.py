"""The claim of the backup that runs: while it holds, the sweep deletes nothing.

A backup that dies stops extending it, and deletion goes on when the lease has run out.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, select, update

from dayfile.errors import InFlight, LostClaim
from dayfile.store.dialect import insert_missing
from dayfile.store.instance import Instance
from dayfile.store.tables.instance import backup as table

LEASE: Final = timedelta(minutes=10)
"""Time for which a claim holds that is not extended: deletion waits so long for a backup that has died."""

_BELIEVED: Final = 2 * LEASE
"""Time from now up to which the end of a claim is believed: others may have read the clock a moment later than this."""

_ONLY: Final = 1


class Backups:
    """The claim of a backup, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def claim(self, token: str, *, now: datetime) -> None:
        """Claim the one place of a backup, before anything is copied; raises InFlight while another one has it."""
        Instance(self._connection).check_version()
        until = now + LEASE
        insert_missing(self._connection, table, [{"id": _ONLY, "token": token, "leased_until": until}])
        is_free = (table.c.token == token) | (table.c.leased_until < now) | (table.c.leased_until > now + _BELIEVED)
        statement = update(table).where(table.c.id == _ONLY, is_free).values(token=token, leased_until=until)
        if self._connection.execute(statement).rowcount != 1:
            raise InFlight(
                "another backup of this instance runs: wait for its end. If it was killed, its claim ends "
                f"{int(LEASE.total_seconds()) // 60} minutes after that",
                retry_after=int(LEASE.total_seconds()),
            )

    def extend(self, token: str, *, now: datetime) -> None:
        """Extend a claim, also one that ran out, unless another backup has begun; raises LostClaim then."""
        statement = update(table).where(table.c.id == _ONLY, table.c.token == token)
        if self._connection.execute(statement.values(leased_until=now + LEASE)).rowcount != 1:
            raise LostClaim("this backup stood still for too long, and another one has begun: this one ends here")

    def end(self, token: str) -> None:
        """Give up a claim; one that is lost is ignored."""
        self._connection.execute(delete(table).where(table.c.id == _ONLY, table.c.token == token))

    def is_running(self, *, now: datetime) -> bool:
        """Return True while a claim holds; one that ends too late is of a clock that was ahead, and does not."""
        query = select(table.c.id).where(table.c.leased_until >= now, table.c.leased_until <= now + _BELIEVED)
        return self._connection.execute(query).first() is not None
