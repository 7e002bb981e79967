"""Who is asking: from a user name and a password to a Caller. Asked on every request, so it is one indexed read."""

from __future__ import annotations

from dayfile.errors import AccountSuspended, Unauthorized
from dayfile.model.account import Account, AccountState
from dayfile.model.credential import Caller
from dayfile.model.secret import InstanceKey, login_matches
from dayfile.store.database import Database


class Authenticator:
    """Knows account credentials (AC sid and auth token) and API keys (SK sid and secret)."""

    def __init__(self, database: Database, *, key: InstanceKey) -> None:
        self._database = database
        self._key = key

    def authenticate(self, username: str, password: str) -> Caller:
        """The owner of the credentials.

        Raises Unauthorized if they are not known here, without saying which half is wrong, and AccountSuspended if
        they are right and the account is not active.
        """
        caller = self._by_key(username, password) if username.startswith("SK") else self._by_token(username, password)
        if caller is None:
            raise Unauthorized("Authenticate")
        if caller.account is not None and caller.account.state is not AccountState.ACTIVE:
            raise AccountSuspended(f"the account {caller.account.sid} is suspended: ask its operator")
        return caller

    def _by_token(self, sid: str, token: str) -> Caller | None:
        with self._database.snapshot() as tx:
            stored = tx.accounts.login(sid)
        if stored is None or not login_matches(self._key, sid=sid, secret=token, stored=stored.login_hash):
            return None
        return Caller(credential=sid, account=stored.account, scopes=frozenset())

    def _by_key(self, sid: str, secret: str) -> Caller | None:
        account: Account | None = None
        with self._database.snapshot() as tx:
            stored = tx.keys.find(sid)
            if stored is not None and stored.key.account is not None:
                account = tx.accounts.get(stored.key.account)
        if stored is None or not login_matches(self._key, sid=sid, secret=secret, stored=stored.secret_hash):
            return None
        return Caller(credential=sid, account=account, scopes=stored.key.scopes)
