"""Rows of receipts: the answers to requests that carried an idempotency key, for a day.

Apart, because each file of the store has the SQL of one table.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from dayfile.errors import Conflict
from dayfile.model.receipt import StoredReceipt
from dayfile.store.tables.records import receipt as table


class Receipts:
    """The receipts, within one transaction: in the same commit as the segments they are for."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, credential: str, idempotency_key: str) -> StoredReceipt | None:
        """Return the receipt given to this credential for this key, or None."""
        query = select(table).where(table.c.credential == credential, table.c.idempotency_key == idempotency_key)
        row = self._connection.execute(query).one_or_none()
        if row is None:
            return None
        return StoredReceipt(
            sid=row.sid,
            credential=row.credential,
            idempotency_key=row.idempotency_key,
            body_sha256=row.body_sha256,
            answer=row.answer,
        )

    def add(self, receipt: StoredReceipt, *, now: datetime) -> None:
        """Add a receipt; raises Conflict if its credential has used the key before."""
        values = {
            "sid": receipt.sid,
            "credential": receipt.credential,
            "idempotency_key": receipt.idempotency_key,
            "body_sha256": receipt.body_sha256,
            "answer": receipt.answer,
            "received_at": now,
        }
        try:
            self._connection.execute(insert(table).values(values))
        except IntegrityError as error:
            raise Conflict(f"the idempotency key {receipt.idempotency_key!r} was used before") from error

    def forget(self, *, received_before: datetime, limit: int) -> int:
        """Delete receipts of requests older than that, the oldest first, and return their number."""
        old = select(table.c.sid).where(table.c.received_at < received_before).order_by(table.c.received_at)
        return self._connection.execute(delete(table).where(table.c.sid.in_(old.limit(limit)))).rowcount
