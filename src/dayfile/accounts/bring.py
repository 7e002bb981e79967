"""Creation and change of accounts from a list of entries, in one commit: for a request about one, or for a whole file.

A repeated entry changes nothing, so a sender that did not get the answer sends the same again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dayfile.accounts.tokens import Tokens
from dayfile.clock import Clock
from dayfile.errors import Invalid
from dayfile.model.account import Account, AccountSid, AccountState
from dayfile.model.account_entry import AccountEntry, Action, EntryProblem, Plan, Step, described, plan_entries
from dayfile.model.credential import Actor
from dayfile.store.accounts import StoredAccount, StoredToken
from dayfile.store.audit import Deed
from dayfile.store.database import Database
from dayfile.store.transaction import Transaction


class EntriesRefused(Invalid):
    """A refusal of entries: nothing was changed, because of these problems."""

    def __init__(self, problems: Sequence[EntryProblem]) -> None:
        super().__init__("; ".join(f"{problem.field} {problem.rule}" for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """The results of a list of entries."""

    steps: tuple[Step, ...]
    accounts: Mapping[AccountSid, Account]  # after the changes
    new_tokens: Mapping[AccountSid, str] = field(repr=False)  # of new accounts whose entries had no token; shown once


class Bringing:
    """A writer that creates and changes accounts as lists of entries say."""

    def __init__(self, database: Database, *, tokens: Tokens, clock: Clock, actor: Actor) -> None:
        self._database = database
        self._tokens = tokens
        self._clock = clock
        self._actor = actor

    def plan(self, entries: Sequence[AccountEntry]) -> tuple[Step, ...]:
        """Return the steps that `bring` would take; raises EntriesRefused."""
        with self._database.snapshot() as tx:
            return self._steps(entries, tx.accounts.known(_named(entries)))

    def bring(self, entries: Sequence[AccountEntry], *, keep_old_for: timedelta) -> Brought:
        """Create and change accounts as the entries say, all or none; replaced tokens work on for `keep_old_for`.

        Raises EntriesRefused, or Conflict if somebody else creates one of them at the same time.
        """
        # Making tokens takes time, and no transaction waits for it.
        new_tokens = {entry.sid: self._tokens.new() for entry in entries if entry.token is None}
        stored = {entry.sid: self._tokens.stored(entry.sid, entry.token or new_tokens[entry.sid]) for entry in entries}
        with self._database.transaction() as tx:
            known = tx.accounts.known(_named(entries), lock=True)
            steps = self._steps(entries, known)
            work = _Work(tx, known, stored, actor=self._actor, now=self._clock.now())
            work.create([step.entry for step in steps if step.action is Action.CREATE])
            work.change([step for step in steps if step.action is Action.CHANGE], keep_old_for=keep_old_for)
        created = {step.entry.sid for step in steps if step.action is Action.CREATE}
        return Brought(
            steps=steps,
            accounts=work.accounts,
            new_tokens={sid: token for sid, token in new_tokens.items() if sid in created},
        )

    def _steps(self, entries: Sequence[AccountEntry], known: Mapping[AccountSid, StoredAccount]) -> tuple[Step, ...]:
        def has_token(entry: AccountEntry) -> bool:
            return entry.token is not None and self._tokens.is_stored(
                entry.sid, entry.token, known[entry.sid].login_hash
            )

        accounts = {sid: stored.account for sid, stored in known.items()}
        plan: Plan = plan_entries(entries, accounts, has_token=has_token)
        if plan.problems:
            raise EntriesRefused(plan.problems)
        return plan.steps


class _Work:
    """The writes of one commit."""

    def __init__(
        self,
        tx: Transaction,
        known: Mapping[AccountSid, StoredAccount],
        stored: Mapping[AccountSid, StoredToken],
        *,
        actor: Actor,
        now: datetime,
    ) -> None:
        self._tx = tx
        self._stored = stored
        self._actor = actor
        self._now = now
        self.accounts = {sid: found.account for sid, found in known.items()}

    def create(self, entries: Sequence[AccountEntry]) -> None:
        """Create the accounts, parents first."""
        for entry in sorted(entries, key=lambda entry: entry.parent is not None):
            account = Account(
                sid=entry.sid,
                parent=entry.parent,
                state=AccountState.ACTIVE,
                friendly_name="",
                email=None,
                created_at=self._now,
            )
            self.accounts[entry.sid] = described(account, entry)
        created = [sid for sid in self.accounts if sid in {entry.sid for entry in entries}]
        self._tx.accounts.add_all([(self.accounts[sid], self._stored[sid]) for sid in created])
        self._note("account.created", created)

    def change(self, steps: Sequence[Step], *, keep_old_for: timedelta) -> None:
        """Change what the steps name; `keep_old_for` is for tokens that are replaced."""
        for step in steps:
            sid = step.entry.sid
            self.accounts[sid] = described(self.accounts[sid], step.entry)
            self._tx.accounts.describe(self.accounts[sid])
            if "token" in step.changes:
                until = self._now + keep_old_for if keep_old_for else None
                self._tx.accounts.set_token(sid, self._stored[sid], former_until=until)
        self._note("account.rotated", (step.entry.sid for step in steps if "token" in step.changes))
        self._note("account.changed", (step.entry.sid for step in steps if set(step.changes) - {"token"}))

    def _note(self, action: str, sids: Iterable[AccountSid]) -> None:
        deeds = [Deed.by(self._actor, action=action, subject=sid, at=self._now) for sid in sids]
        self._tx.audit.add_all(deeds)


def _named(entries: Sequence[AccountEntry]) -> set[AccountSid]:
    return {entry.sid for entry in entries} | {entry.parent for entry in entries if entry.parent is not None}
