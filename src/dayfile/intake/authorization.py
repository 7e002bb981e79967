"""Authorization of records: the accounts whose records a caller may write, asked once per account, not per record.

Positive answers are remembered: accounts are never removed, and a subaccount never moves to another parent. A suspended
or closed account is an account: its platform goes on sending, and its records are accepted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from dayfile.intake.gate import Gate, Refused
from dayfile.model.account import AccountSid
from dayfile.model.credential import Caller, Permission, Scope
from dayfile.store.database import Database

_ACCOUNTS_REMEMBERED = 200_000


_UNKNOWN = Refused(
    reason="there is no such account here: the line is kept, and taken in when the account has been created",
    waits_for_account=True,
)
_FOREIGN = Refused(
    reason="is not your account or a subaccount of it: use that account's credentials or an operator key",
    waits_for_account=False,
)


class Authorization:
    """The maker of every caller's gate. Safe to share between threads."""

    def __init__(self, database: Database, *, accounts_may_write: bool) -> None:
        self._database = database
        self._accounts_may_write = accounts_may_write
        self._existing: set[AccountSid] = set()
        self._families: dict[AccountSid, set[AccountSid]] = {}

    def gate(self, caller: Caller) -> Gate:
        """Return the caller's gate; raises Forbidden if they may not write at all."""
        if caller.account is not None and self._accounts_may_write:
            return self._family_gate(caller.customer(Permission.RECORDS_WRITE).sid)
        caller.require(Scope.INTAKE)
        return self.operators_gate()

    def operators_gate(self) -> Gate:
        """Return the gate of the operator: every account that exists."""
        if len(self._existing) > _ACCOUNTS_REMEMBERED:
            self._existing = set()  # a new set: gates that are in use keep theirs
        return _OperatorsGate(self._database, self._existing)

    def _family_gate(self, account: AccountSid) -> Gate:
        if len(self._families) > _ACCOUNTS_REMEMBERED:
            self._families = {}
        return _FamilyGate(self._database, account, self._families.setdefault(account, {account}))


class _OperatorsGate:
    """A gate for every account that exists."""

    def __init__(self, database: Database, known: set[AccountSid]) -> None:
        self._database = database
        self.known: set[AccountSid] = known

    def judge(self, accounts: Collection[AccountSid]) -> Mapping[AccountSid, Refused]:
        with self._database.snapshot() as tx:
            existing = tx.accounts.existing(accounts)
        self.known.update(existing)
        return dict.fromkeys(set(accounts) - existing, _UNKNOWN)


class _FamilyGate:
    """A gate for one account and its subaccounts; of others it does not even say whether they exist."""

    def __init__(self, database: Database, account: AccountSid, known: set[AccountSid]) -> None:
        self._database = database
        self._account = account
        self.known: set[AccountSid] = known

    def judge(self, accounts: Collection[AccountSid]) -> Mapping[AccountSid, Refused]:
        with self._database.snapshot() as tx:
            self.known.update(tx.accounts.family(self._account))
        return dict.fromkeys(set(accounts) - self.known, _FOREIGN)
