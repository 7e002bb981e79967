"""Authentication: from a user name and a password to a Caller. Done on every request, so it is one indexed read.

Of a client that only reads, what was read may be a moment old: see `remembered.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from dayfile.accounts.remembered import RememberedLogins
from dayfile.clock import Clock
from dayfile.errors import AccountSuspended, Unauthorized
from dayfile.model.account import AccountState
from dayfile.model.credential import Caller, permissions_of
from dayfile.model.secret import InstanceKey, hash_matches, login_hash, memory_digest
from dayfile.store.database import Database
from dayfile.store.logins import StoredLogin


class Authenticator:
    """The check of account credentials (AC sid and auth token) and API keys (SK sid and secret)."""

    def __init__(self, database: Database, *, key: InstanceKey, clock: Clock) -> None:
        self._database = database
        self._key = key
        self._clock = clock
        self._remembered = RememberedLogins()

    def authenticate(self, username: str, password: str) -> Caller:
        """Return the owner of the credentials.

        Raises Unauthorized if they are not known here, without saying which half is wrong, and AccountSuspended if
        they are right and the account, or its parent, is not active.
        """
        outcome = self.authenticate_all([(username, password)])[0]
        if isinstance(outcome, Caller):
            return outcome
        raise outcome

    def authenticate_all(self, logins: Sequence[tuple[str, str]]) -> list[Caller | Unauthorized | AccountSuspended]:
        """Authenticate several user names and passwords; an error takes the place of the owner in the result.

        The errors are those of `authenticate`. All are judged by the same moment, which is after the call: nothing that
        was remembered is used, so credentials that were revoked before do not work.
        """
        with self._database.snapshot() as tx:
            stored = {username: tx.logins.find(username) for username in {username for username, _ in logins}}
        return [self._judged(username, self._hash(username, given), stored[username]) for username, given in logins]

    def find_reader(self, sent: bytes) -> Caller | None:
        """Return the owner of credentials that were right a moment ago; None if they are to be authenticated.

        `sent` is all that a request which changes nothing brought of them. They may work on for REMEMBERED_FOR_SECONDS
        after another process has ended them. What this process has ended does not work, and neither does a former token
        from the moment on until which it works.
        """
        return self._remembered.find(self._digest(sent), as_of=self._database.logins_as_of, clock=self._clock)

    def authenticate_reader(self, username: str, password: str, *, sent: bytes) -> Caller:
        """Return the owner of the credentials, and remember it for `find_reader`; raises as `authenticate` does."""
        given, now = self._hash(username, password), self._clock.monotonic()
        with self._database.snapshot() as tx:
            stored, as_of = tx.logins.find(username), tx.logins_as_of
        outcome = self._judged(username, given, stored)
        if not isinstance(outcome, Caller):
            raise outcome
        if stored is not None and as_of is not None:
            ends_at = None if hash_matches(given, [stored.secret_hash]) else stored.former_until
            self._remembered.keep(self._digest(sent), outcome, ends_at=ends_at, as_of=as_of, looked_up_at=now)
        return outcome

    def _digest(self, sent: bytes) -> bytes:
        return memory_digest(self._key, sent)

    def _hash(self, username: str, password: str) -> bytes:
        return login_hash(self._key, sid=username, secret=password)

    def _judged(
        self, username: str, given: bytes, stored: StoredLogin | None
    ) -> Caller | Unauthorized | AccountSuspended:
        # An unknown user name is hashed and compared like any other: the time that it takes tells nothing.
        if not hash_matches(given, self._secrets(stored)) or stored is None:
            return Unauthorized("Authenticate")
        return judge(username, stored)

    def _secrets(self, stored: StoredLogin | None) -> list[bytes]:
        if stored is None:
            return []
        if stored.former_hash is None or stored.former_until is None or self._clock.now() >= stored.former_until:
            return [stored.secret_hash]
        return [stored.secret_hash, stored.former_hash]


def judge(username: str, stored: StoredLogin) -> Caller | AccountSuspended:
    """Return the owner of a login with the right secret; AccountSuspended unless it and its parent are active."""
    if (suspended := _find_suspension(stored)) is not None:
        return suspended
    return Caller(
        credential=username,
        account=stored.account,
        scopes=frozenset() if stored.key is None else stored.key.scopes,
        permissions=permissions_of(stored.key),
    )


def _find_suspension(stored: StoredLogin) -> AccountSuspended | None:
    if stored.account is None:
        return None
    if stored.account.state is not AccountState.ACTIVE:
        return AccountSuspended(f"the account {stored.account.sid} is {stored.account.state.value}: ask its operator")
    if stored.parent_state not in {None, AccountState.ACTIVE}:
        return AccountSuspended(f"the parent of the account {stored.account.sid} is suspended: ask its operator")
    return None
