"""Rows of API keys."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, select, update

from dayfile.errors import NotFound
from dayfile.model.account import AccountSid
from dayfile.model.credential import ApiKey, KeyKind, Permission, Scope
from dayfile.store.columns import read_choice
from dayfile.store.dialect import insert
from dayfile.store.tables.accounts import api_key as table

_COLUMNS = [column.name for column in table.columns]

C = TypeVar("C", bound=Enum)


class Keys:
    """The API keys, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.has_changed = False  # a key that was there before

    def add(self, key: ApiKey, *, secret_hash: bytes) -> bool:
        """Add a new key; False if there is one with this sid, which stays as it is."""
        values = {
            "sid": key.sid,
            "account": key.account,
            "kind": key.kind.value,
            "permissions": " ".join(sorted(permission.value for permission in key.permissions)),
            "scopes": " ".join(sorted(scope.value for scope in key.scopes)),
            "friendly_name": key.friendly_name,
            "secret_hash": secret_hash,
            "created_at": key.created_at,
            "revoked_at": key.revoked_at,
        }
        statement = insert(self._connection, table).values(values).on_conflict_do_nothing(index_elements=[table.c.sid])
        return bool(self._connection.execute(statement).rowcount)

    def get(self, sid: str) -> ApiKey:
        """Return the key, revoked or not; raises NotFound."""
        row = self._connection.execute(select(table).where(table.c.sid == sid)).one_or_none()
        if row is None:
            raise NotFound(f"there is no key {sid}")
        return read_key(row)

    def listed(self, *, account: AccountSid | None = None) -> list[ApiKey]:
        """Return all keys, or those of one account, oldest first; revoked ones too."""
        query = select(table).order_by(table.c.created_at, table.c.sid)
        if account is not None:
            query = query.where(table.c.account == account)
        return [read_key(row) for row in self._connection.execute(query)]

    def of_operator(self) -> list[ApiKey]:
        """Return all keys of the operator, the newest first; revoked ones too."""
        query = select(table).where(table.c.account.is_(None)).order_by(table.c.created_at.desc(), table.c.sid)
        return [read_key(row) for row in self._connection.execute(query)]

    def revoke(self, sid: str, *, account: AccountSid | None = None, now: datetime) -> bool:
        """Revoke a key from this commit on, and return True if it was valid before. Raises NotFound if there is none.

        With `account`, another account's key counts as none.
        """
        self.has_changed = True
        named = [table.c.sid == sid, *([] if account is None else [table.c.account == account])]
        statement = update(table).where(*named, table.c.revoked_at.is_(None)).values(revoked_at=now)
        if self._connection.execute(statement).rowcount == 1:
            return True
        if self._connection.execute(select(table.c.sid).where(*named)).one_or_none() is None:
            raise NotFound(f"there is no key {sid}")
        return False

    def revoke_all(self, account: AccountSid, *, now: datetime) -> None:
        """Revoke all keys of the account from this commit on."""
        self.has_changed = True
        statement = update(table).where(table.c.account == account, table.c.revoked_at.is_(None))
        self._connection.execute(statement.values(revoked_at=now))


def read_key(row: Row[Any], *, prefix: str = "") -> ApiKey:
    """Return the key in a row whose columns of the key table have the prefix in their names."""
    values = {name: getattr(row, prefix + name) for name in _COLUMNS}
    return ApiKey(
        sid=values["sid"],
        account=values["account"],
        kind=read_choice(KeyKind, values["kind"], "api_key", values["sid"]),
        scopes=_read_choices(Scope, values["scopes"], values["sid"]),
        permissions=_read_choices(Permission, values["permissions"], values["sid"]),
        friendly_name=values["friendly_name"],
        created_at=values["created_at"],
        revoked_at=values["revoked_at"],
    )


def _read_choices(kind: type[C], words: str, sid: str) -> frozenset[C]:
    return frozenset(read_choice(kind, word, "api_key", sid) for word in words.split())
