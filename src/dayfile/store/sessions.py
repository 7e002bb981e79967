"""Rows of sessions.

Apart, because each table has a module of its own.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, delete, insert, select

from dayfile.model.session import Session
from dayfile.store.prepared import Prepared
from dayfile.store.tables.accounts import session as table

_FIND: Final = Prepared(
    select(table).where(table.c.token_hash == bindparam("token_hash"), table.c.expires_at > bindparam("now"))
)


class Sessions:
    """The sessions, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, session: Session) -> None:
        """Add a new session."""
        values = {
            "token_hash": session.token_hash,
            "credential": session.credential,
            "secret_hash": session.secret_hash,
            "began_at": session.began_at,
            "expires_at": session.expires_at,
        }
        self._connection.execute(insert(table).values(values))

    def find(self, token_hash: bytes, *, now: datetime) -> Session | None:
        """Return the session with this token, unless there is none or it has expired."""
        row = _FIND.row(self._connection, token_hash=token_hash, now=now)
        if row is None:
            return None
        return Session(
            token_hash=bytes(row.token_hash),
            credential=row.credential,
            secret_hash=bytes(row.secret_hash),
            began_at=row.began_at,
            expires_at=row.expires_at,
        )

    def end(self, token_hash: bytes) -> str | None:
        """Delete a session and return the sid of its credential, or None if there was none."""
        statement = delete(table).where(table.c.token_hash == token_hash).returning(table.c.credential)
        return self._connection.execute(statement).scalar_one_or_none()

    def forget(self, *, expired_before: datetime, limit: int) -> int:
        """Delete sessions that expired before a moment, the oldest first, and return their number."""
        old = select(table.c.token_hash).where(table.c.expires_at < expired_before).order_by(table.c.expires_at)
        return self._connection.execute(delete(table).where(table.c.token_hash.in_(old.limit(limit)))).rowcount
