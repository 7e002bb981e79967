"""Rows of accounts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, func, insert, literal, select, update
from sqlalchemy.exc import IntegrityError

from dayfile.errors import Conflict, DamagedRow, NotFound
from dayfile.model.account import PACKED_BYTES, Account, AccountSid, AccountState, packed_members
from dayfile.model.webhook_secret import SecretGeneration
from dayfile.store.columns import MOST, read_choice, row_name
from dayfile.store.dialect import in_batches
from dayfile.store.prepared import Prepared
from dayfile.store.sound_rows import sound_rows
from dayfile.store.tables.accounts import account as table


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredToken:
    """An auth token as it is stored."""

    login_hash: bytes
    encrypted: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAccount:
    """An account and the stored form of its login secret."""

    account: Account
    login_hash: bytes


class Accounts:
    """The accounts, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.has_changed = False  # an account that was there before

    def add(self, account: Account, *, login_hash: bytes, encrypted_token: bytes) -> None:
        """Add a new account; raises Conflict if its sid is taken."""
        self.add_all([(account, StoredToken(login_hash=login_hash, encrypted=encrypted_token))])

    def add_all(self, accounts: Sequence[tuple[Account, StoredToken]]) -> None:
        """Add new accounts, parents before their subaccounts; raises Conflict if one of the sids is taken."""
        for batch in in_batches(accounts):
            try:
                self._connection.execute(insert(table), [_values(account, token) for account, token in batch])
            except IntegrityError as error:
                sids = f"{batch[0][0].sid}" if len(batch) == 1 else f"one of {len(batch)}, from {batch[0][0].sid} on"
                raise Conflict(f"the account {sids}, exists already, or its parent does not") from error

    def get(self, sid: AccountSid) -> Account:
        """Return the account; raises NotFound."""
        found = self.find(sid)
        if found is None:
            raise NotFound(f"there is no account {sid}")
        return found

    def find(self, sid: AccountSid) -> Account | None:
        """Return the account, or None."""
        row = _OF_SID.row(self._connection, sid=sid)
        return None if row is None else read_account(row)

    def known(self, sids: Collection[AccountSid], *, lock: bool = False) -> dict[AccountSid, StoredAccount]:
        """Return the existing accounts among the sids; with `lock`, nobody else changes them before the commit."""
        found = {}
        for batch in in_batches(sorted(sids)):  # sorted: two that lock the same accounts do not wait for one another
            query = select(table).where(table.c.sid.in_(batch)).order_by(table.c.sid)
            for row in self._connection.execute(query.with_for_update() if lock else query):
                found[row.sid] = StoredAccount(account=read_account(row), login_hash=row.login_hash)
        return found

    def encrypted_token(self, sid: AccountSid) -> bytes:
        """Return the encrypted auth token; raises NotFound."""
        found = self._connection.execute(select(table.c.encrypted_token).where(table.c.sid == sid)).scalar_one_or_none()
        if found is None:
            raise NotFound(f"there is no account {sid}")
        return bytes(found)

    def tokens(self, *, after: AccountSid | None, limit: int) -> list[tuple[AccountSid, StoredToken]]:
        """Return the tokens of the accounts that follow one in the order of their sids."""
        query = select(table.c.sid, table.c.login_hash, table.c.encrypted_token).where(table.c.sid > (after or ""))
        return sound_rows(
            self._connection,
            query.order_by(table.c.sid).limit(limit),
            lambda row: (row.sid, StoredToken(login_hash=row.login_hash, encrypted=row.encrypted_token)),
        )

    def webhook_secret(self, sid: AccountSid) -> SecretGeneration:
        """Return the generation of the account's webhook secret; raises NotFound."""
        query = select(table.c.webhook_generation, table.c.webhook_former_until).where(table.c.sid == sid)
        row = self._connection.execute(query).one_or_none()
        if row is None:
            raise NotFound(f"there is no account {sid}")
        return SecretGeneration(number=row.webhook_generation, former_until=row.webhook_former_until)

    def rotate_webhook_secret(self, sid: AccountSid, *, former_until: datetime) -> None:
        """Advance to the account's next webhook secret; the former one signs until `former_until`. Raises NotFound."""
        self._change(sid, webhook_generation=table.c.webhook_generation + 1, webhook_former_until=former_until)

    def existing(self, sids: Collection[AccountSid]) -> set[AccountSid]:
        """Return the given sids for which there is an account."""
        found: set[AccountSid] = set()
        for batch in in_batches(sids):
            found.update(self._connection.execute(select(table.c.sid).where(table.c.sid.in_(batch))).scalars())
        return found

    def of_packed(self, packed: bytes) -> list[AccountSid]:
        """Return the accounts that may be in a packed set. Reads all accounts: for what is seldom."""
        prefix = func.substr(table.c.sid, 3, 2 * PACKED_BYTES)
        found: list[AccountSid] = []
        for batch in in_batches(sorted(member.hex() for member in packed_members(packed))):
            found += self._connection.execute(select(table.c.sid).where(prefix.in_(batch))).scalars()
        return found

    def family(self, parent: AccountSid) -> set[AccountSid]:
        """Return the sids of an account and its subaccounts."""
        children = self._connection.execute(select(table.c.sid).where(table.c.parent == parent)).scalars()
        return {parent, *children}

    def are_there(self) -> bool:
        """Return True if there is any account, whatever its row says."""
        return self._connection.execute(select(literal(1)).select_from(table).limit(1)).first() is not None

    def open_subaccounts(self, parent: AccountSid) -> int:
        """Return the number of an account's subaccounts that are not closed."""
        query = select(func.count()).where(table.c.parent == parent, table.c.state != AccountState.CLOSED.value)
        return self._connection.execute(query).scalar_one()

    def listed(
        self, *, after: AccountSid | None, before: AccountSid | None = None, offset: int = 0, limit: int
    ) -> list[Account]:
        """Return accounts ordered by sid: the ones that follow `after`, or the last ones before `before`."""
        query = select(table).where(table.c.sid > (after or "")).offset(offset).limit(limit)
        if before is None:
            return [read_account(row) for row in self._connection.execute(query.order_by(table.c.sid))]
        rows = self._connection.execute(query.where(table.c.sid < before).order_by(table.c.sid.desc()))
        return [read_account(row) for row in rows][::-1]

    def named(self, text: str, *, limit: int) -> list[Account]:
        """Return accounts whose names have a text in them, in either case. Reads all accounts: for what is seldom."""
        query = select(table).where(table.c.friendly_name.icontains(text, autoescape=True))
        return [read_account(row) for row in self._connection.execute(query.order_by(table.c.sid).limit(limit))]

    def count(self) -> int:
        """Return the number of accounts."""
        return self._connection.execute(select(func.count()).select_from(table)).scalar_one()

    def set_token(self, sid: AccountSid, token: StoredToken, *, former_until: datetime | None) -> None:
        """Give an account another token; the current one works until `former_until`, the former one stops working.

        Raises NotFound.
        """
        self._change(
            sid,
            login_hash=token.login_hash,
            encrypted_token=token.encrypted,
            former_login_hash=None if former_until is None else table.c.login_hash,
            former_until=former_until,
        )

    def end_former_token(self, sid: AccountSid) -> None:
        """Invalidate the former token from this commit on; raises NotFound."""
        self._change(sid, former_login_hash=None, former_until=None)

    def set_state(self, sid: AccountSid, state: AccountState) -> None:
        """Put an account into a state; raises NotFound."""
        self._change(sid, state=state.value)

    def describe(self, account: Account) -> None:
        """Update state, friendly name and e-mail address to those of the account; raises NotFound."""
        self._change(account.sid, state=account.state.value, friendly_name=account.friendly_name, email=account.email)

    def next_generation(self, sid: AccountSid) -> int:
        """Return the number for the day files about to be published together for the account; it only grows."""
        found = self._connection.execute(_NEXT_GENERATION, {"account": sid}).scalar_one_or_none()
        if found is None:
            raise DamagedRow(f"{row_name('account', sid)} in the state database has a generation that is none")
        return int(found)

    def next_generations(self, sids: Collection[AccountSid]) -> dict[AccountSid, int]:
        """Return such a number for each of several accounts; one whose row says what it cannot is left out."""
        found: dict[AccountSid, int] = {}
        for batch in in_batches(sorted(sids)):
            # Two transactions that lock the same accounts in different orders deadlock on PostgreSQL.
            ordered = select(table.c.sid).where(table.c.sid.in_(batch)).order_by(table.c.sid).with_for_update()
            self._connection.execute(ordered).all()
            statement = (
                update(table).where(table.c.sid.in_(batch), _OF_NUMBER).values(generation=table.c.generation + 1)
            )
            for row in self._connection.execute(statement.returning(table.c.sid, table.c.generation)):
                found[row.sid] = row.generation
        return found

    def _change(self, sid: AccountSid, **values: Any) -> None:
        self.has_changed = True
        if self._connection.execute(update(table).where(table.c.sid == sid).values(values)).rowcount != 1:
            raise NotFound(f"there is no account {sid}")


_OF_NUMBER: Final = table.c.generation < MOST  # a text is not: it would count as 0
_NEXT_GENERATION: Final = (
    update(table)
    .where(table.c.sid == bindparam("account"), _OF_NUMBER)
    .values(generation=table.c.generation + 1)
    .returning(table.c.generation)
)
_OF_SID: Final = Prepared(select(table).where(table.c.sid == bindparam("sid")))


def read_account(row: Row[Any]) -> Account:
    """Return the account in a row that has the columns of the account table."""
    return Account(
        sid=row.sid,
        parent=row.parent,
        state=read_choice(AccountState, row.state, "account", row.sid),
        friendly_name=row.friendly_name,
        email=row.email,
        created_at=row.created_at,
    )


def _values(account: Account, token: StoredToken) -> dict[str, object]:
    return {
        "sid": account.sid,
        "parent": account.parent,
        "state": account.state.value,
        "friendly_name": account.friendly_name,
        "email": account.email,
        "login_hash": token.login_hash,
        "encrypted_token": token.encrypted,
        "generation": 0,
        "served": 0,
        "created_at": account.created_at,
    }
