"""Where API keys are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from dayfile.errors import NotFound
from dayfile.model.account import AccountSid
from dayfile.model.credential import ApiKey, Scope
from dayfile.store.tables.accounts import api_key as table


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """An API key and the stored form of its secret."""

    key: ApiKey
    secret_hash: bytes


class Keys:
    """The API keys, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, key: ApiKey, *, secret_hash: bytes) -> None:
        """Keep a new key."""
        values = {
            "sid": key.sid,
            "account": key.account,
            "scopes": " ".join(sorted(scope.value for scope in key.scopes)),
            "friendly_name": key.friendly_name,
            "secret_hash": secret_hash,
            "created_at": key.created_at,
            "revoked_at": key.revoked_at,
        }
        self._connection.execute(insert(table).values(values))

    def find(self, sid: str) -> StoredKey | None:
        """The key that may still be used, or None."""
        query = select(table).where(table.c.sid == sid, table.c.revoked_at.is_(None))
        row = self._connection.execute(query).one_or_none()
        return None if row is None else StoredKey(key=_key(row), secret_hash=row.secret_hash)

    def listed(self, *, account: AccountSid | None = None) -> list[ApiKey]:
        """All keys, or those of one account, oldest first; revoked ones too."""
        query = select(table).order_by(table.c.created_at, table.c.sid)
        if account is not None:
            query = query.where(table.c.account == account)
        return [_key(row) for row in self._connection.execute(query)]

    def revoke(self, sid: str, *, now: datetime) -> None:
        """From the commit on, the key opens nothing; raises NotFound if there is none that could be revoked."""
        statement = update(table).where(table.c.sid == sid, table.c.revoked_at.is_(None)).values(revoked_at=now)
        if self._connection.execute(statement).rowcount != 1:
            raise NotFound(f"there is no key {sid} that could be revoked")


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        sid=row.sid,
        account=row.account,
        scopes=frozenset(Scope(name) for name in row.scopes.split()),
        friendly_name=row.friendly_name,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )
