"""Lookup of logins. It is done on every request, so each query is one indexed read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from dayfile.model.account import Account, AccountState
from dayfile.model.credential import ApiKey
from dayfile.store.accounts import read_account
from dayfile.store.columns import read_choice
from dayfile.store.keys import read_key
from dayfile.store.prepared import Prepared
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
_SECRETS = (account.c.login_hash, account.c.former_login_hash, account.c.former_until)

_OF_ACCOUNT = Prepared(
    select(*_ACCOUNT, *_SECRETS)
    .select_from(account.outerjoin(_parent, _parent.c.sid == account.c.parent))
    .where(account.c.sid == bindparam("username"))
)
_OF_KEY = Prepared(
    select(*_ACCOUNT, *_KEY)
    .select_from(
        api_key.outerjoin(account, account.c.sid == api_key.c.account).outerjoin(
            _parent, _parent.c.sid == account.c.parent
        )
    )
    .where(api_key.c.sid == bindparam("username"), api_key.c.revoked_at.is_(None))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLogin:
    """The owner of a user name, and the stored forms of the secrets that prove it."""

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
        """Return the owner of an account's sid or an API key's sid; None for an unknown sid or a revoked key."""
        query = _OF_KEY if username.startswith("SK") else _OF_ACCOUNT
        row = query.row(self._connection, username=username)
        return None if row is None else _login(row)


def _login(row: Row[Any]) -> StoredLogin:
    is_key = "key_sid" in row._fields
    return StoredLogin(
        account=None if row.sid is None else read_account(row),
        parent_state=None
        if row.parent_state is None
        else read_choice(AccountState, row.parent_state, "account", row.parent),
        key=read_key(row, prefix="key_") if is_key else None,
        secret_hash=row.key_secret_hash if is_key else row.login_hash,
        former_hash=None if is_key else row.former_login_hash,
        former_until=None if is_key else row.former_until,
    )
