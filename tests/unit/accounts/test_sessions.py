"""Sessions: begun with an operator's secret, over when time, sign-out, revocation or another secret ends them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from dayfile.accounts.administer import NewKey
from dayfile.accounts.sessions import Sessions
from dayfile.errors import AccountSuspended, Forbidden, Unauthorized
from dayfile.model.account import AccountSid
from dayfile.model.credential import Scope
from dayfile.model.secret import login_hash
from dayfile.model.session import SESSION_LIFETIME
from dayfile.store.tables.accounts import api_key, session
from dayfile.store.tables.instance import audit
from tests.support.randomness import SeededRandomness
from tests.unit.accounts.conftest import KEY, Office

MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
def sessions(office: Office) -> Sessions:
    """The sessions of the office."""
    return Sessions(office.database, key=KEY, randomness=SeededRandomness("sessions"), clock=office.clock)


def an_operator(office: Office) -> NewKey:
    """A key that may sign in."""
    return office.administration.create_key(account=None, scopes=[Scope.INTAKE])


def signed_in(sessions: Sessions, key: NewKey) -> str:
    """The token of a new session."""
    return sessions.begin(key.key.sid, key.secret).token


def change_secret(office: Office, sid: str, secret: str) -> None:
    """Replace a key's secret, as a later rotation of keys would."""
    with office.database.exclusively() as connection:
        hashed = login_hash(KEY, sid=sid, secret=secret)
        connection.execute(update(api_key).where(api_key.c.sid == sid).values(secret_hash=hashed))


def test_a_session_is_its_credential_until_it_expires(office: Office, sessions: Sessions) -> None:
    """To the microsecond, and however much it is used: a forgotten browser is not signed in tomorrow."""
    key = an_operator(office)
    token = signed_in(sessions, key)
    office.clock.pass_by(SESSION_LIFETIME - MICROSECOND)
    found = sessions.find(token)
    assert found is not None
    assert found.caller == office.authenticator.authenticate(key.key.sid, key.secret)
    office.clock.pass_by(MICROSECOND)
    assert sessions.find(token) is None


def test_a_revoked_key_has_no_session(office: Office, sessions: Sessions) -> None:
    """At once, in every browser; another key's goes on."""
    key, other = an_operator(office), an_operator(office)
    tokens = [signed_in(sessions, key), signed_in(sessions, key)]
    spared = signed_in(sessions, other)
    office.administration.revoke_key(key.key.sid)
    assert [sessions.find(token) for token in tokens] == [None, None]
    assert sessions.find(spared) is not None


def test_another_secret_ends_the_sessions_of_the_one_before(office: Office, sessions: Sessions) -> None:
    """A secret is replaced because somebody else may have it, and so may have a session."""
    key = an_operator(office)
    token = signed_in(sessions, key)
    change_secret(office, key.key.sid, "another secret")
    assert sessions.find(token) is None
    with pytest.raises(Unauthorized):
        signed_in(sessions, key)
    assert sessions.find(sessions.begin(key.key.sid, "another secret").token) is not None


def test_a_token_that_was_replaced_begins_no_session(office: Office, sessions: Sessions) -> None:
    """The audit log must not tell of a session that nobody had."""
    new = office.administration.create_account()
    office.administration.rotate_token(new.account.sid)
    with pytest.raises(Forbidden, match="was replaced"):
        sessions.begin(new.account.sid, new.auth_token)
    with office.database.exclusively() as connection:
        assert connection.execute(select(session)).all() == []
        assert "session.began" not in connection.execute(select(audit.c.action)).scalars().all()


def test_scopes_are_those_of_now(office: Office, sessions: Sessions) -> None:
    """A session remembers who, never what they may do."""
    key = an_operator(office)
    token = signed_in(sessions, key)
    with office.database.exclusively() as connection:
        connection.execute(update(api_key).where(api_key.c.sid == key.key.sid).values(scopes=Scope.ACCOUNTS.value))
    found = sessions.find(token)
    assert found is not None
    assert found.caller.scopes == {Scope.ACCOUNTS}


def test_signing_out_ends_one_session_and_may_be_repeated(office: Office, sessions: Sessions) -> None:
    """In the database: the token is worthless, whoever has kept it."""
    key = an_operator(office)
    one, other = signed_in(sessions, key), signed_in(sessions, key)
    assert one != other
    for _ in range(2):
        sessions.end(one)
    assert sessions.find(one) is None
    assert sessions.find(other) is not None


def test_beginning_and_end_are_in_the_audit_log(office: Office, sessions: Sessions) -> None:
    """Once each, by the key's sid."""
    key = an_operator(office)
    token = signed_in(sessions, key)
    for _ in range(2):
        sessions.end(token)
    with pytest.raises(Unauthorized):
        sessions.begin(key.key.sid, "wrong")
    with office.database.exclusively() as connection:
        deeds = connection.execute(select(audit.c.actor, audit.c.action).where(audit.c.subject == key.key.sid)).all()
    assert [tuple(deed) for deed in deeds] == [
        ("operator", "key.created"),
        (key.key.sid, "session.began"),
        (key.key.sid, "session.ended"),
    ]


def test_only_right_credentials_begin_a_session(office: Office, sessions: Sessions) -> None:
    """The refusal is the same for all others; who has the right ones of an account that is suspended is told so."""
    key, revoked = an_operator(office), an_operator(office)
    office.administration.revoke_key(revoked.key.sid)
    suspended = office.administration.create_account()
    office.administration.suspend(suspended.account.sid)
    for username, password in (
        (key.key.sid, "wrong"),
        (key.key.sid, ""),
        ("SK" + 32 * "0", key.secret),
        (revoked.key.sid, revoked.secret),
        (suspended.account.sid, key.secret),
    ):
        with pytest.raises(Unauthorized, match=r"^Authenticate$"):
            sessions.begin(username, password)
    with pytest.raises(AccountSuspended):
        sessions.begin(suspended.account.sid, suspended.auth_token)
    with office.database.exclusively() as connection:
        assert connection.execute(select(session)).all() == []


def test_the_database_does_not_know_the_token(office: Office, sessions: Sessions) -> None:
    """A reader of a backup cannot go on with a session of somebody else."""
    token = signed_in(sessions, an_operator(office))
    assert len(bytes.fromhex(token)) == 32
    with office.database.exclusively() as connection:
        row = connection.execute(select(session)).one()
    assert token not in repr(row)
    assert bytes.fromhex(token) not in (row.token_hash, row.secret_hash)
    assert sessions.find(row.token_hash.hex()) is None


def test_a_form_is_of_one_session(office: Office, sessions: Sessions) -> None:
    """A token from a page of another session does not pass, nor does none."""
    key = an_operator(office)
    one, other = signed_in(sessions, key), signed_in(sessions, key)
    found = sessions.find(one)
    assert found is not None
    assert sessions.is_form_of(one, found.form_token)
    assert not sessions.is_form_of(other, found.form_token)
    for given in ("", one, found.form_token[:-1], found.form_token + "0", "é"):
        assert not sessions.is_form_of(one, given)


@pytest.mark.parametrize("token", ["", "0" * 64, "é", "x" * 10_000, "\x00"])
def test_what_is_no_token_finds_nothing(sessions: Sessions, token: str) -> None:
    """Anybody can send any cookie."""
    assert sessions.find(token) is None
    sessions.end(token)


def test_a_closed_account_has_no_session_either(office: Office, sessions: Sessions) -> None:
    """Sessions of customers come later, and belong to a credential like those of operators."""
    account = office.administration.create_account()
    token = sessions._begin(account.account.sid, account.auth_token)
    assert sessions.find(token) is not None
    office.administration.suspend(AccountSid(account.account.sid))
    assert sessions.find(token) is None
    office.administration.activate(AccountSid(account.account.sid))
    assert sessions.find(token) is not None
    office.administration.rotate_token(AccountSid(account.account.sid))
    assert sessions.find(token) is None
