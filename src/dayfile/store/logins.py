"""Where it is looked up whose a login is. Asked on every request, so each question is one indexed read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from dayfile.model.account import Account, AccountState
from dayfile.model.credential import ApiKey
from dayfile.store.accounts import read_account
from dayfile.store.keys import read_key
from dayfile.store.tables.accounts import account, api_key

_parent = account.alias("parent")
_ACCOUNT = (
    account.c.sid,
    account.c.parent,
    account.c.state,
    account.c.friendly_name,
    account.c.email,
    account.c.created_at,
    _parent.c.state.label("parent_state"),
)
_KEY = [column.label(f"key_{column.name}") for column in api_key.c]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLogin:
    """What a user name stands for, and the stored forms of the secrets that prove it."""

    account: Account | None  # None: the operator
    parent_state: AccountState | None  # None: the account has no parent
    key: ApiKey | None  # None: the account itself
    secret_hash: bytes
    former_hash: bytes | None  # of the token before this one
    former_until: datetime | None  # so long that one works, too


class Logins:
    """The logins, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, username: str) -> StoredLogin | None:
        """What an account's sid or an API key's sid stands for; None if nothing, or a key that was revoked."""
        query = _of_key(username) if username.startswith("SK") else _of_account(username)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else _login(row)


def _of_account(sid: str) -> Select[Any]:
    family = account.outerjoin(_parent, _parent.c.sid == account.c.parent)
    secrets = (account.c.login_hash, account.c.former_login_hash, account.c.former_until)
    return select(*_ACCOUNT, *secrets).select_from(family).where(account.c.sid == sid)


def _of_key(sid: str) -> Select[Any]:
    family = api_key.outerjoin(account, account.c.sid == api_key.c.account)
    family = family.outerjoin(_parent, _parent.c.sid == account.c.parent)
    return select(*_ACCOUNT, *_KEY).select_from(family).where(api_key.c.sid == sid, api_key.c.revoked_at.is_(None))


def _login(row: Row[Any]) -> StoredLogin:
    is_key = "key_sid" in row._fields
    return StoredLogin(
        account=None if row.sid is None else read_account(row),
        parent_state=None if row.parent_state is None else AccountState(row.parent_state),
        key=read_key(row, prefix="key_") if is_key else None,
        secret_hash=row.key_secret_hash if is_key else row.login_hash,
        former_hash=None if is_key else row.former_login_hash,
        former_until=None if is_key else row.former_until,
    )
