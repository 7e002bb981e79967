"""Who is asking: from a user name and a password to a Caller. Asked on every request, so it is one indexed read."""

from __future__ import annotations

from dayfile.clock import Clock
from dayfile.errors import AccountSuspended, Unauthorized
from dayfile.model.account import AccountState
from dayfile.model.credential import Caller, permissions_of
from dayfile.model.secret import InstanceKey, login_matches
from dayfile.store.database import Database
from dayfile.store.logins import StoredLogin


class Authenticator:
    """Knows account credentials (AC sid and auth token) and API keys (SK sid and secret)."""

    def __init__(self, database: Database, *, key: InstanceKey, clock: Clock) -> None:
        self._database = database
        self._key = key
        self._clock = clock

    def authenticate(self, username: str, password: str) -> Caller:
        """The owner of the credentials.

        Raises Unauthorized if they are not known here, without saying which half is wrong, and AccountSuspended if
        they are right and the account, or its parent, is not active.
        """
        with self._database.snapshot() as tx:
            stored = tx.logins.find(username)
        # An unknown user name is hashed and compared like any other: how long it takes tells nothing.
        if not login_matches(self._key, sid=username, secret=password, stored=self._secrets(stored)) or stored is None:
            raise Unauthorized("Authenticate")
        _check_active(stored)
        return Caller(
            credential=username,
            account=stored.account,
            scopes=frozenset() if stored.key is None else stored.key.scopes,
            permissions=permissions_of(stored.key),
        )

    def _secrets(self, stored: StoredLogin | None) -> list[bytes]:
        if stored is None:
            return []
        if stored.former_hash is None or stored.former_until is None or self._clock.now() >= stored.former_until:
            return [stored.secret_hash]
        return [stored.secret_hash, stored.former_hash]


def _check_active(stored: StoredLogin) -> None:
    if stored.account is None:
        return
    if stored.account.state is not AccountState.ACTIVE:
        raise AccountSuspended(f"the account {stored.account.sid} is {stored.account.state.value}: ask its operator")
    if stored.parent_state not in {None, AccountState.ACTIVE}:
        raise AccountSuspended(f"the parent of the account {stored.account.sid} is suspended: ask its operator")
