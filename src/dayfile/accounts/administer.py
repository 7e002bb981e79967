"""What the operator does to accounts and keys. Secrets are shown once, here; afterwards only their hashes are known."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from dayfile.clock import Clock
from dayfile.errors import Invalid
from dayfile.model.account import Account, AccountSid, AccountState
from dayfile.model.credential import ApiKey, Scope
from dayfile.model.secret import InstanceKey, Randomness, encrypt, login_hash
from dayfile.model.webhook_secret import OVERLAP, webhook_secrets
from dayfile.store.database import Database

OPERATOR = "operator"
"""The actor in the audit log for what is done on the instance itself."""

_SECRET_LENGTH = 32
_SID_DIGITS = 32
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """An account just made, with the token that nobody will be shown again."""

    account: Account
    auth_token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key just made, with the secret that nobody will be shown again."""

    key: ApiKey
    secret: str = field(repr=False)


class Administration:
    """Creates, rotates and revokes; each change is one commit with its line in the audit log."""

    def __init__(self, database: Database, *, key: InstanceKey, randomness: Randomness, clock: Clock) -> None:
        self._database = database
        self._key = key
        self._randomness = randomness
        self._clock = clock

    def create_account(self, *, parent: AccountSid | None = None, friendly_name: str = "") -> NewAccount:
        """Make an account, or a subaccount of a parent; raises NotFound or Invalid about the parent."""
        token = self._randomness.alphanumeric(_SECRET_LENGTH)
        account = Account(
            sid=AccountSid("AC" + self._randomness.hex(_SID_DIGITS)),
            parent=parent,
            state=AccountState.ACTIVE,
            friendly_name=friendly_name,
            created_at=self._clock.now(),
        )
        with self._database.transaction() as tx:
            if parent is not None and tx.accounts.get(parent).parent is not None:
                raise Invalid(f"{parent} is a subaccount itself: only an account without a parent can be a parent")
            tx.accounts.add(account, **self._stored(account.sid, token))
            tx.audit.add(actor=OPERATOR, action="account.created", subject=account.sid, now=account.created_at)
        return NewAccount(account=account, auth_token=token)

    def rotate_token(self, sid: AccountSid) -> str:
        """Give the account a new auth token, shown once; the old one stops working. Raises NotFound."""
        token = self._randomness.alphanumeric(_SECRET_LENGTH)
        with self._database.transaction() as tx:
            tx.accounts.set_login(sid, **self._stored(sid, token))
            tx.audit.add(actor=OPERATOR, action="account.rotated", subject=sid, now=self._clock.now())
        return token

    def webhook_secrets(self, sid: AccountSid) -> tuple[bytes, ...]:
        """The keys that sign the account's webhooks now, newest first; raises NotFound."""
        with self._database.snapshot() as tx:
            generation = tx.accounts.webhook_secret(sid)
        return webhook_secrets(self._key, account=sid, generation=generation, now=self._clock.now())

    def rotate_webhook_secret(self, sid: AccountSid, *, actor: str = OPERATOR) -> tuple[bytes, ...]:
        """Give the account a new webhook secret; the one before it signs as well for OVERLAP. Raises NotFound."""
        now = self._clock.now()
        with self._database.transaction() as tx:
            tx.accounts.rotate_webhook_secret(sid, former_until=now + OVERLAP)
            tx.audit.add(actor=actor, action="account.webhook_secret_rotated", subject=sid, now=now)
        return self.webhook_secrets(sid)

    def create_key(
        self, *, account: AccountSid | None, scopes: Collection[Scope] = (), friendly_name: str = ""
    ) -> NewKey:
        """Make a key of an account, or, with scopes, one of the operator's; raises NotFound, Invalid."""
        if account is not None and scopes:
            raise Invalid("scopes belong to operator keys: leave them out, or leave the account out")
        if account is None and not scopes:
            raise Invalid("an operator key without a scope opens nothing: name at least one scope")
        secret = self._randomness.alphanumeric(_SECRET_LENGTH)
        key = ApiKey(
            sid="SK" + self._randomness.hex(_SID_DIGITS),
            account=account,
            scopes=frozenset(scopes),
            friendly_name=friendly_name,
            created_at=self._clock.now(),
            revoked_at=None,
        )
        with self._database.transaction() as tx:
            if account is not None:
                tx.accounts.get(account)
            tx.keys.add(key, secret_hash=login_hash(self._key, sid=key.sid, secret=secret))
            tx.audit.add(actor=OPERATOR, action="key.created", subject=key.sid, now=key.created_at)
        return NewKey(key=key, secret=secret)

    def revoke_key(self, sid: str) -> None:
        """From now on the key opens nothing; raises NotFound."""
        now = self._clock.now()
        with self._database.transaction() as tx:
            tx.keys.revoke(sid, now=now)
            tx.audit.add(actor=OPERATOR, action="key.revoked", subject=sid, now=now)

    def _stored(self, sid: AccountSid, token: str) -> dict[str, bytes]:
        nonce = self._randomness.octets(_NONCE_BYTES)
        return {
            "login_hash": login_hash(self._key, sid=sid, secret=token),
            "encrypted_token": encrypt(self._key, sid=sid, secret=token, nonce=nonce),
        }
