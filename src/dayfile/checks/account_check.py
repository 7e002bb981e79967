"""Secrets of accounts: the part of a check that decrypts them with the instance key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dayfile.checks.finding import Finding
from dayfile.errors import Corrupt
from dayfile.model.account import AccountSid
from dayfile.model.secret import InstanceKey, decrypt, login_matches
from dayfile.store.accounts import StoredToken
from dayfile.store.database import Database

_PAGE: Final = 500


class AccountCheck:
    """A check that each account can log in with the token that signs its webhooks."""

    def __init__(self, database: Database, *, key: InstanceKey) -> None:
        self._database = database
        self._key = key

    def find(self) -> Iterator[Finding]:
        """Yield a finding for each account whose stored token cannot be decrypted, or does not match its login."""
        after: AccountSid | None = None
        while True:
            with self._database.snapshot() as tx:
                page = tx.accounts.tokens(after=after, limit=_PAGE)
            if not page:
                return
            for sid, token in page:
                reason = self._reason(sid, token)
                if reason:
                    yield Finding(
                        invariant="an account can log in",
                        subject=sid,
                        detail=f"{reason}: give it a new token with `dayfile accounts rotate`",
                        account=sid,
                    )
            after = page[-1][0]

    def _reason(self, sid: AccountSid, token: StoredToken) -> str | None:
        try:
            secret = decrypt(self._key, sid=sid, encrypted=token.encrypted)
        except (Corrupt, ValueError):
            return "its stored token cannot be decrypted, so its webhooks cannot be signed"
        if not login_matches(self._key, sid=sid, secret=secret, stored=[token.login_hash]):
            return "the stored login is not that of its token, which is refused"
        return None
