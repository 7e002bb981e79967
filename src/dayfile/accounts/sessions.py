"""Sessions of users who sign in with a browser: begun with a secret, found by a token, over when the secret is.

A session is no copy of what its credential may do. Each time, the credential is looked up as at a login: a credential
that was revoked or suspended, or that has another secret, has no session any more.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from dayfile.accounts.authenticate import Authenticator, judge
from dayfile.clock import Clock
from dayfile.errors import Forbidden
from dayfile.model.credential import Actor, Caller
from dayfile.model.secret import InstanceKey, Randomness, login_hash
from dayfile.model.session import (
    SESSION_LIFETIME,
    TOKEN_DIGITS,
    Session,
    form_token,
    is_form_token,
    session_hash,
)
from dayfile.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """The caller of a session, and the token that the forms on its pages carry."""

    caller: Caller
    form_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A session that has just begun."""

    token: str = field(repr=False)
    caller: Caller


class Sessions:
    """The sessions of an instance; each beginning and end is one commit with its line in the audit log."""

    def __init__(self, database: Database, *, key: InstanceKey, randomness: Randomness, clock: Clock) -> None:
        self._database = database
        self._authenticator = Authenticator(database, key=key, clock=clock)
        self._key = key
        self._randomness = randomness
        self._clock = clock

    def begin(self, username: str, password: str, *, address: str | None = None) -> Begun:
        """Begin a session of any credential that works here: an account's auth token, or a key.

        `address` is the client's, for the audit log.

        Raises Unauthorized if the credentials are not known here, without saying which half is wrong, AccountSuspended
        if they are right and the account is not active, and Forbidden for an auth token that was replaced: a session
        would be over before its first page.
        """
        caller = self._authenticator.authenticate(username, password)
        with self._database.snapshot() as tx:
            stored = tx.logins.find(username)
        given = login_hash(self._key, sid=username, secret=password)
        if stored is None or not hmac.compare_digest(given, stored.secret_hash):
            raise Forbidden("this auth token was replaced by a new one: sign in with that")
        return Begun(token=self._begin(username, password, address), caller=caller)

    def find(self, token: str) -> SignedIn | None:
        """Return the caller of the session with this token; None if it is over, however it ended, or never existed."""
        with self._database.snapshot() as tx:
            session = tx.sessions.find(session_hash(self._key, token), now=self._clock.now())
            stored = None if session is None else tx.logins.find(session.credential)
        if session is None or stored is None or not hmac.compare_digest(session.secret_hash, stored.secret_hash):
            return None
        caller = judge(session.credential, stored)
        if not isinstance(caller, Caller):
            return None
        return SignedIn(caller=caller, form_token=form_token(self._key, token))

    def is_form_of(self, token: str, given: str) -> bool:
        """Return True if a form that carries `given` is on a page of the session with this token."""
        return is_form_token(self._key, token, given)

    def end(self, token: str, *, address: str | None = None) -> None:
        """End the session with this token; one that is over already stays so."""
        with self._database.transaction() as tx:
            credential = tx.sessions.end(session_hash(self._key, token))
            if credential is not None:
                actor = Actor(name=credential, address=address)
                tx.audit.add(actor=actor, action="session.ended", subject=credential, now=self._clock.now())

    def _begin(self, username: str, password: str, address: str | None = None) -> str:
        token, now = self._randomness.hex(TOKEN_DIGITS), self._clock.now()
        session = Session(
            token_hash=session_hash(self._key, token),
            credential=username,
            # The hash of the given secret: if the secret was replaced a moment ago, the session is over already.
            secret_hash=login_hash(self._key, sid=username, secret=password),
            began_at=now,
            expires_at=now + SESSION_LIFETIME,
        )
        with self._database.transaction() as tx:
            tx.sessions.add(session)
            actor = Actor(name=username, address=address)
            tx.audit.add(actor=actor, action="session.began", subject=username, now=now)
        return token
