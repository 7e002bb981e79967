"""Where accounts are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from dayfile.errors import Conflict, NotFound
from dayfile.model.account import Account, AccountSid, AccountState
from dayfile.model.webhook_secret import SecretGeneration
from dayfile.store.dialect import in_batches
from dayfile.store.tables.accounts import account as table


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLogin:
    """An account and the stored form of its login secret."""

    account: Account
    login_hash: bytes


class Accounts:
    """The accounts, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, account: Account, *, login_hash: bytes, encrypted_token: bytes) -> None:
        """Keep a new account; raises Conflict if its sid is taken, NotFound if its parent is not there."""
        if account.parent and self.find(account.parent) is None:
            raise NotFound(f"there is no account {account.parent} to be the parent")
        values = {
            "sid": account.sid,
            "parent": account.parent,
            "state": account.state.value,
            "friendly_name": account.friendly_name,
            "login_hash": login_hash,
            "encrypted_token": encrypted_token,
            "generation": 0,
            "served": 0,
            "created_at": account.created_at,
        }
        try:
            self._connection.execute(insert(table).values(values))
        except IntegrityError as error:
            raise Conflict(f"the account {account.sid} exists already") from error

    def get(self, sid: AccountSid) -> Account:
        """The account; raises NotFound."""
        found = self.find(sid)
        if found is None:
            raise NotFound(f"there is no account {sid}")
        return found

    def find(self, sid: AccountSid) -> Account | None:
        """The account, or None."""
        row = self._connection.execute(select(table).where(table.c.sid == sid)).one_or_none()
        return None if row is None else _account(row)

    def login(self, sid: str) -> StoredLogin | None:
        """The account with the stored form of its login secret, or None."""
        row = self._connection.execute(select(table).where(table.c.sid == sid)).one_or_none()
        return None if row is None else StoredLogin(account=_account(row), login_hash=row.login_hash)

    def encrypted_token(self, sid: AccountSid) -> bytes:
        """The encrypted auth token; raises NotFound."""
        found = self._connection.execute(select(table.c.encrypted_token).where(table.c.sid == sid)).scalar_one_or_none()
        if found is None:
            raise NotFound(f"there is no account {sid}")
        return bytes(found)

    def webhook_secret(self, sid: AccountSid) -> SecretGeneration:
        """Which webhook secret the account is at; raises NotFound."""
        query = select(table.c.webhook_generation, table.c.webhook_former_until).where(table.c.sid == sid)
        row = self._connection.execute(query).one_or_none()
        if row is None:
            raise NotFound(f"there is no account {sid}")
        return SecretGeneration(number=row.webhook_generation, former_until=row.webhook_former_until)

    def rotate_webhook_secret(self, sid: AccountSid, *, former_until: datetime) -> None:
        """Go on to the account's next webhook secret; the one before signs until a moment. Raises NotFound."""
        self._change(sid, webhook_generation=table.c.webhook_generation + 1, webhook_former_until=former_until)

    def existing(self, sids: Collection[AccountSid]) -> set[AccountSid]:
        """Those of the sids that are accounts here."""
        found: set[AccountSid] = set()
        for batch in in_batches(sids):
            found.update(self._connection.execute(select(table.c.sid).where(table.c.sid.in_(batch))).scalars())
        return found

    def family(self, parent: AccountSid) -> set[AccountSid]:
        """An account and its subaccounts."""
        children = self._connection.execute(select(table.c.sid).where(table.c.parent == parent)).scalars()
        return {parent, *children}

    def listed(self, *, after: AccountSid | None, limit: int) -> list[Account]:
        """The accounts that follow a sid, in the order of their sids."""
        query = select(table).where(table.c.sid > (after or "")).order_by(table.c.sid).limit(limit)
        return [_account(row) for row in self._connection.execute(query)]

    def count(self) -> int:
        """How many accounts there are."""
        return self._connection.execute(select(func.count()).select_from(table)).scalar_one()

    def set_login(self, sid: AccountSid, *, login_hash: bytes, encrypted_token: bytes) -> None:
        """Give an account another login secret; raises NotFound."""
        self._change(sid, login_hash=login_hash, encrypted_token=encrypted_token)

    def set_state(self, sid: AccountSid, state: AccountState) -> None:
        """Suspend an account or make it active; raises NotFound."""
        self._change(sid, state=state.value)

    def next_generation(self, sid: AccountSid) -> int:
        """A number for the day files about to be published together for the account; it only grows."""
        statement = update(table).where(table.c.sid == sid).values(generation=table.c.generation + 1)
        return int(self._connection.execute(statement.returning(table.c.generation)).scalar_one())

    def _change(self, sid: AccountSid, **values: Any) -> None:
        if self._connection.execute(update(table).where(table.c.sid == sid).values(values)).rowcount != 1:
            raise NotFound(f"there is no account {sid}")


def _account(row: Row[Any]) -> Account:
    return Account(
        sid=row.sid,
        parent=row.parent,
        state=AccountState(row.state),
        friendly_name=row.friendly_name,
        created_at=row.created_at,
    )
