"""Administration of accounts and keys. Secrets are shown once, here; afterwards only their stored forms are known."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dayfile.accounts.bring import Bringing, Brought
from dayfile.accounts.tokens import Tokens
from dayfile.clock import Clock
from dayfile.errors import Conflict, NotFound
from dayfile.model.account import KEEP_OLD_FOR, Account, AccountSid, AccountState
from dayfile.model.account_entry import AccountEntry, Step
from dayfile.model.credential import Actor, ApiKey, Caller, KeyKind, Permission, Scope, check_grant, check_key
from dayfile.model.secret import InstanceKey, Randomness
from dayfile.model.webhook_secret import OVERLAP, webhook_secrets
from dayfile.store.database import Database
from dayfile.store.transaction import Transaction

OPERATOR = Actor(name="operator")
"""The actor in the audit log for deeds on the instance itself."""

_SID_DIGITS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """A new account, with the token that is never shown again."""

    account: Account
    auth_token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A new key, with the secret that is never shown again."""

    key: ApiKey
    secret: str = field(repr=False)


class Administration:
    """Operations on accounts and keys; each change is one commit, together with its line in the audit log."""

    def __init__(
        self,
        database: Database,
        *,
        key: InstanceKey,
        randomness: Randomness,
        clock: Clock,
        actor: Actor = OPERATOR,
    ) -> None:
        self._database = database
        self._key = key
        self._randomness = randomness
        self._clock = clock
        self._actor = actor
        self._tokens = Tokens(key=key, randomness=randomness)
        self._bringing = Bringing(database, tokens=self._tokens, clock=clock, actor=actor)

    def by(self, actor: Actor) -> Administration:
        """Return the same operations in the name of another actor, for the audit log."""
        return Administration(
            self._database, key=self._key, randomness=self._randomness, clock=self._clock, actor=actor
        )

    def create_account(
        self, *, parent: AccountSid | None = None, friendly_name: str = "", email: str | None = None
    ) -> NewAccount:
        """Create an account, or a subaccount of a parent; raises EntriesRefused about the parent."""
        entry = AccountEntry(
            sid=self.new_sid(), token=None, parent=parent, state=None, friendly_name=friendly_name, email=email
        )
        brought = self.bring([entry], keep_old_for=KEEP_OLD_FOR)
        return NewAccount(account=brought.accounts[entry.sid], auth_token=brought.new_tokens[entry.sid])

    def new_sid(self) -> AccountSid:
        """Return a sid that no account has."""
        return AccountSid("AC" + self._randomness.hex(_SID_DIGITS))

    def new_key_sid(self) -> str:
        """Return a sid that no key has."""
        return "SK" + self._randomness.hex(_SID_DIGITS)

    def plan(self, entries: Sequence[AccountEntry]) -> tuple[Step, ...]:
        """Return the steps that `bring` would take; raises EntriesRefused."""
        return self._bringing.plan(entries)

    def bring(self, entries: Sequence[AccountEntry], *, keep_old_for: timedelta) -> Brought:
        """Create and change accounts as the entries say, all or none; raises EntriesRefused, Conflict."""
        return self._bringing.bring(entries, keep_old_for=keep_old_for)

    def token_mark(self, sid: AccountSid) -> str:
        """Return a text that is another one with each auth token, and tells nothing of it; raises NotFound."""
        with self._database.snapshot() as tx:
            return _token_mark(tx, sid)

    def rotate_token(
        self, sid: AccountSid, *, keep_old_for: timedelta = KEEP_OLD_FOR, replaces: str | None = None
    ) -> str:
        """Give the account a new auth token, shown once; the old one works on for `keep_old_for`. Raises NotFound.

        The token before the old one, if it still worked, stops now: there are never more than two. With the mark of the
        token that it `replaces`, raises Conflict if that was replaced before: a form that is sent twice rotates once.
        """
        token = self._tokens.new()

        def rotate(tx: Transaction) -> None:
            now = self._clock.now()  # of this try: one may come long after another
            if replaces is not None:
                tx.accounts.known([sid], lock=True)
                if _token_mark(tx, sid) != replaces:
                    raise Conflict("the auth token was replaced since this page was loaded: load it again")
            until = now + keep_old_for if keep_old_for else None
            tx.accounts.set_token(sid, self._tokens.stored(sid, token), former_until=until)
            tx.audit.add(actor=self._actor, action="account.rotated", subject=sid, now=now)

        self._database.run(rotate)
        return token

    def webhook_secrets(self, sid: AccountSid) -> tuple[bytes, ...]:
        """Return the keys that sign the account's webhooks now, newest first; raises NotFound."""
        with self._database.snapshot() as tx:
            return self._webhook_secrets(tx, sid, now=self._clock.now())

    def rotate_webhook_secret(self, sid: AccountSid) -> tuple[bytes, ...]:
        """Give the account a new webhook secret, and return all that sign; the former one does for OVERLAP.

        Raises NotFound.
        """

        def rotate(tx: Transaction) -> tuple[bytes, ...]:
            now = self._clock.now()
            tx.accounts.rotate_webhook_secret(sid, former_until=now + OVERLAP)
            tx.audit.add(actor=self._actor, action="account.webhook_secret_rotated", subject=sid, now=now)
            return self._webhook_secrets(tx, sid, now=now)

        return self._database.run(rotate)

    def end_former_token(self, sid: AccountSid) -> None:
        """Invalidate the former token now: only the current one works. Raises NotFound."""
        with self._database.transaction() as tx:
            tx.accounts.end_former_token(sid)
            tx.audit.add(actor=self._actor, action="account.former_token_ended", subject=sid, now=self._clock.now())

    def suspend(self, sid: AccountSid) -> None:
        """Suspend the account: it and its subaccounts may ask for nothing; raises NotFound, Conflict if closed."""
        self._set_state(sid, AccountState.SUSPENDED, action="account.suspended")

    def activate(self, sid: AccountSid) -> None:
        """Activate a suspended account; raises NotFound, Conflict if closed."""
        self._set_state(sid, AccountState.ACTIVE, action="account.activated")

    def close(self, sid: AccountSid) -> None:
        """Close an account for good: its credentials stop working, its keys are revoked, its records stay.

        Raises NotFound, and Conflict while it has subaccounts that are not closed. Closing twice is fine.
        """

        def close(tx: Transaction) -> None:
            now = self._clock.now()
            # Locked, so that no subaccount is created meanwhile.
            if sid not in tx.accounts.known([sid], lock=True):
                raise NotFound(f"there is no account {sid}")
            if tx.accounts.get(sid).state is AccountState.CLOSED:
                return
            if subaccounts := tx.accounts.open_subaccounts(sid):
                raise Conflict(f"{sid} has {subaccounts} subaccounts that are not closed: close them first")
            tx.accounts.set_state(sid, AccountState.CLOSED)
            tx.accounts.end_former_token(sid)
            tx.keys.revoke_all(sid, now=now)
            tx.audit.add(actor=self._actor, action="account.closed", subject=sid, now=now)

        self._database.run(close)

    def create_key(
        self,
        *,
        account: AccountSid | None,
        kind: KeyKind | None = None,
        scopes: Collection[Scope] = (),
        permissions: Collection[Permission] = (),
        friendly_name: str = "",
        sid: str | None = None,
    ) -> NewKey:
        """Create a key: of an account, a standard one unless `kind` is given; without an account, of the operator.

        Raises NotFound, Invalid for a combination that is not allowed, and Conflict if there is a key with this `sid`:
        a form that has one and is sent twice makes one key.
        """
        kind = kind or (KeyKind.OPERATOR if account is None else KeyKind.STANDARD)
        check_key(kind, of_account=account is not None, scopes=scopes, permissions=permissions)
        sid, secret = sid or self.new_key_sid(), self._tokens.new()

        def create(tx: Transaction) -> ApiKey:
            if account is not None:
                _check_open(tx.accounts.get(account))
            key = ApiKey(
                sid=sid,
                account=account,
                kind=kind,
                scopes=frozenset(scopes),
                permissions=frozenset(permissions),
                friendly_name=friendly_name,
                created_at=self._clock.now(),  # of this try: one may come long after another
                revoked_at=None,
            )
            if not tx.keys.add(key, secret_hash=self._tokens.hash(sid, secret)):
                raise Conflict("this form was sent before; the secret of its key was shown then")
            tx.audit.add(actor=self._actor, action="key.created", subject=sid, now=key.created_at)
            return key

        return NewKey(key=self._database.run(create), secret=secret)

    def grant_key(
        self, granter: Caller, *, scopes: Collection[Scope], friendly_name: str = "", sid: str | None = None
    ) -> NewKey:
        """Create an operator's key by another one, which gives no scopes but its own. Raises Forbidden beyond them."""
        check_grant(granter, scopes)
        return self.create_key(account=None, scopes=scopes, friendly_name=friendly_name, sid=sid)

    def revoke_operator_key(self, sid: str) -> None:
        """Revoke a key of the operator now; raises NotFound, also for a key of an account."""
        with self._database.snapshot() as tx:
            if tx.keys.get(sid).account is not None:
                raise NotFound(f"there is no key {sid} of the operator")
        self.revoke_key(sid)

    def revoke_key(self, sid: str, *, account: AccountSid | None = None) -> None:
        """Revoke the key now; raises NotFound, with `account` also for a key of another one.

        Revoking twice is fine: the second time changes nothing.
        """

        def revoke(tx: Transaction) -> None:
            now = self._clock.now()
            if tx.keys.revoke(sid, account=account, now=now):
                tx.audit.add(actor=self._actor, action="key.revoked", subject=sid, now=now)

        self._database.run(revoke)

    def _webhook_secrets(self, tx: Transaction, sid: AccountSid, *, now: datetime) -> tuple[bytes, ...]:
        return webhook_secrets(self._key, account=sid, generation=tx.accounts.webhook_secret(sid), now=now)

    def _set_state(self, sid: AccountSid, state: AccountState, *, action: str) -> None:
        def set_state(tx: Transaction) -> None:
            known = tx.accounts.known([sid], lock=True).get(sid)
            if known is None:
                raise NotFound(f"there is no account {sid}")
            _check_open(known.account)
            tx.accounts.set_state(sid, state)
            tx.audit.add(actor=self._actor, action=action, subject=sid, now=self._clock.now())

        self._database.run(set_state)


def _token_mark(tx: Transaction, sid: AccountSid) -> str:
    stored = tx.logins.find(sid)
    if stored is None:
        raise NotFound(f"there is no account {sid}")
    return hashlib.sha256(stored.secret_hash).hexdigest()[:16]


def _check_open(account: Account) -> None:
    if account.state is AccountState.CLOSED:
        raise Conflict(f"{account.sid} is closed, and that is for good: make another account")
