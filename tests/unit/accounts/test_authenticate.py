"""The owner of a login: right and wrong secrets, two tokens after a rotation, states, and kinds of keys."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection, event

from dayfile.errors import AccountSuspended, Conflict, Forbidden, Invalid, NotFound, Unauthorized
from dayfile.model.account import AccountSid
from dayfile.model.credential import EVERYTHING, GRANTABLE, Caller, KeyKind, Permission, Scope
from dayfile.store.accounts import Accounts
from dayfile.store.audit import Audit
from dayfile.store.prepared import Prepared
from tests.support.undone import WAITED, undo_once
from tests.unit.accounts.conftest import Office

DAY = timedelta(hours=24)
SECOND = timedelta(seconds=1)


def _works(office: Office, username: str, password: str) -> bool:
    try:
        return bool(office.authenticator.authenticate(username, password))
    except Unauthorized:
        return False


def test_a_token_opens_its_own_account_only(office: Office) -> None:
    """The first promise to a customer."""
    one, other = office.administration.create_account(), office.administration.create_account()
    caller = office.authenticator.authenticate(one.account.sid, one.auth_token)
    assert caller.account == one.account
    assert caller.permissions == EVERYTHING
    assert not _works(office, one.account.sid, other.auth_token)
    assert not _works(office, "AC" + "0" * 32, one.auth_token)
    assert not _works(office, one.account.sid, "")


def test_after_a_rotation_both_tokens_work_to_the_second(office: Office) -> None:
    """Senders are changed one by one; a leaked token must not outlive what the operator was told."""
    new = office.administration.create_account()
    sid, old = new.account.sid, new.auth_token
    current = office.administration.rotate_token(sid)
    office.clock.pass_by(DAY - SECOND)
    assert _works(office, sid, old)
    assert _works(office, sid, current)
    office.clock.pass_by(SECOND)
    assert not _works(office, sid, old)
    assert _works(office, sid, current)


def test_a_rotation_that_keeps_nothing_ends_the_old_token_at_once(office: Office) -> None:
    """An operator does it after a leak."""
    new = office.administration.create_account()
    first = office.administration.rotate_token(new.account.sid)
    second = office.administration.rotate_token(new.account.sid, keep_old_for=timedelta(0))
    assert [_works(office, new.account.sid, token) for token in (new.auth_token, first, second)] == [False, False, True]


def test_a_rotation_that_has_to_be_tried_again_counts_from_then(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database may undo a rotation after a long wait; the old token works for a day from the one that counts."""
    new, before = office.administration.create_account(), office.clock.now()
    undo_once(monkeypatch, Accounts, "set_token", office.clock)
    office.administration.rotate_token(new.account.sid)
    assert office.clock.now() == before + WAITED
    office.clock.pass_by(DAY - SECOND)
    assert _works(office, new.account.sid, new.auth_token)
    office.clock.pass_by(SECOND)
    assert not _works(office, new.account.sid, new.auth_token)


def test_a_key_that_has_to_be_tried_again_is_made_then(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The audit log is in the order of what happened."""
    undo_once(monkeypatch, Audit, "add", office.clock)
    made = office.administration.create_key(account=None, scopes=[Scope.INTAKE])
    assert made.key.created_at == office.clock.now()


def test_there_are_never_more_than_two_tokens(office: Office) -> None:
    """A second rotation ends the first token, although its time was not over."""
    new = office.administration.create_account()
    first = office.administration.rotate_token(new.account.sid)
    second = office.administration.rotate_token(new.account.sid)
    assert [_works(office, new.account.sid, token) for token in (new.auth_token, first, second)] == [False, True, True]


def test_the_time_of_two_tokens_can_be_ended(office: Office) -> None:
    """Nobody waits for the clock once all senders are changed."""
    new = office.administration.create_account()
    current = office.administration.rotate_token(new.account.sid)
    office.administration.end_former_token(new.account.sid)
    assert [_works(office, new.account.sid, token) for token in (new.auth_token, current)] == [False, True]
    with pytest.raises(NotFound):
        office.administration.end_former_token(AccountSid("AC" + "0" * 32))


def test_a_suspended_account_and_its_subaccounts_are_told_so(office: Office) -> None:
    """With the right secret only: to anybody else the account is as unknown as before."""
    parent = office.administration.create_account()
    child = office.administration.create_account(parent=parent.account.sid)
    key = office.administration.create_key(account=child.account.sid)
    logins = [(child.account.sid, child.auth_token), (key.key.sid, key.secret)]
    office.administration.suspend(parent.account.sid)
    for username, password in [(parent.account.sid, parent.auth_token), *logins]:
        with pytest.raises(AccountSuspended, match="suspended"):
            office.authenticator.authenticate(username, password)
        assert not _works(office, username, "wrong")
    office.administration.activate(parent.account.sid)
    office.administration.suspend(child.account.sid)
    assert _works(office, parent.account.sid, parent.auth_token)
    for username, password in logins:
        with pytest.raises(AccountSuspended):
            office.authenticator.authenticate(username, password)


def test_a_closed_account_opens_nothing_and_stays_closed(office: Office) -> None:
    """Closing is for good, and may be repeated by whoever did not hear the answer."""
    new = office.administration.create_account()
    key = office.administration.create_key(account=new.account.sid)
    for _ in range(2):
        office.administration.close(new.account.sid)
    with pytest.raises(AccountSuspended, match="closed"):
        office.authenticator.authenticate(new.account.sid, new.auth_token)
    assert not _works(office, key.key.sid, key.secret)
    for change in (office.administration.activate, office.administration.suspend):
        with pytest.raises(Conflict, match="for good"):
            change(new.account.sid)
    with pytest.raises(Conflict, match="for good"):
        office.administration.create_key(account=new.account.sid)


def test_an_account_with_subaccounts_is_not_closed(office: Office) -> None:
    """Nobody loses an account because somebody closed another one."""
    parent = office.administration.create_account()
    child = office.administration.create_account(parent=parent.account.sid)
    with pytest.raises(Conflict, match="1 subaccounts"):
        office.administration.close(parent.account.sid)
    assert _works(office, parent.account.sid, parent.auth_token)
    office.administration.close(child.account.sid)
    office.administration.close(parent.account.sid)
    with pytest.raises(NotFound):
        office.administration.close(AccountSid("AC" + "0" * 32))


@pytest.mark.parametrize(
    ("kind", "permissions", "expected"),
    [
        (KeyKind.MAIN, frozenset(), EVERYTHING),
        (KeyKind.STANDARD, frozenset(), GRANTABLE),
        (KeyKind.RESTRICTED, frozenset({Permission.JOBS_WRITE}), frozenset({Permission.JOBS_WRITE})),
    ],
)
def test_a_key_may_do_what_its_kind_says(
    office: Office, kind: KeyKind, permissions: frozenset[Permission], expected: frozenset[Permission]
) -> None:
    """Exactly that: a key in a script must not be able to make itself another."""
    account = office.administration.create_account().account
    new = office.administration.create_key(account=account.sid, kind=kind, permissions=permissions)
    caller = office.authenticator.authenticate(new.key.sid, new.secret)
    assert (caller.account, caller.permissions, caller.scopes) == (account, expected, frozenset())
    for permission in Permission:
        if permission in expected:
            assert caller.customer(permission) == account
        else:
            with pytest.raises(Forbidden, match=permission.value):
                caller.customer(permission)
    office.administration.revoke_key(new.key.sid)
    assert not _works(office, new.key.sid, new.secret)


def test_an_operators_key_may_nothing_in_the_name_of_an_account(office: Office) -> None:
    """It writes everybody's records, and must not read one of them."""
    scopes = frozenset({Scope.INTAKE, Scope.ACCOUNTS})
    new = office.administration.create_key(account=None, scopes=scopes)
    caller = office.authenticator.authenticate(new.key.sid, new.secret)
    assert (caller.account, caller.permissions, caller.scopes) == (None, frozenset(), scopes)
    for permission in Permission:
        with pytest.raises(Forbidden, match="operator"):
            caller.customer(permission)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": KeyKind.RESTRICTED}, "name at least one"),
        ({"kind": KeyKind.RESTRICTED, "permissions": [Permission.KEYS_WRITE]}, "needs a main key"),
        ({"kind": KeyKind.MAIN, "permissions": [Permission.JOBS_WRITE]}, "restricted keys"),
        ({"kind": KeyKind.OPERATOR}, "every other key has one"),
        ({"scopes": [Scope.INTAKE]}, "scopes belong to operator keys"),
        ({"account": None}, "at least one scope"),
        ({"account": None, "scopes": [Scope.INTAKE, Scope.ERASE]}, "nothing that erases"),
        ({"account": None, "kind": KeyKind.MAIN, "scopes": [Scope.INTAKE]}, "has no account"),
    ],
)
def test_a_key_that_could_not_be_what_it_says_is_not_made(
    office: Office, options: dict[str, object], message: str
) -> None:
    """Nothing is guessed about who may do what."""
    account = office.administration.create_account().account.sid
    with pytest.raises(Invalid, match=message):
        office.administration.create_key(**({"account": account} | options))  # type: ignore[arg-type]


def test_a_login_is_one_read(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked on every request, whoever it is: of an account, a key, a key of a subaccount, of nobody."""
    parent = office.administration.create_account()
    child = office.administration.create_account(parent=parent.account.sid)
    keys = [office.administration.create_key(account=of.account.sid) for of in (parent, child)]
    logins = [(of.account.sid, of.auth_token) for of in (parent, child)] + [(key.key.sid, key.secret) for key in keys]
    asked: list[str] = []
    event.listen(office.database.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    rows = Prepared.rows

    def counted(prepared: Prepared, connection: Connection, **values: object) -> list[object]:
        asked.append("SELECT")
        return rows(prepared, connection, **values)

    monkeypatch.setattr(Prepared, "rows", counted)  # such a statement is no event
    for username, password in [*logins, ("AC" + "0" * 32, "x"), ("SK" + "0" * 32, "x")]:
        asked.clear()
        _works(office, username, password)
        assert len([statement for statement in asked if statement.startswith("SELECT")]) == 1


def test_many_are_judged_at_once_each_for_themselves(office: Office) -> None:
    """Senders of a round share one look into the database: a wrong secret must not ride along with a right one."""
    administration = office.administration
    good, closed = administration.create_account(), administration.create_account()
    key = administration.create_key(account=None, scopes=[Scope.INTAKE])
    revoked = administration.create_key(account=None, scopes=[Scope.INTAKE])
    administration.suspend(closed.account.sid)
    administration.revoke_key(revoked.key.sid)
    logins = [
        (good.account.sid, good.auth_token),
        (good.account.sid, closed.auth_token),
        (closed.account.sid, closed.auth_token),
        (key.key.sid, key.secret),
        (revoked.key.sid, revoked.secret),
        (good.account.sid, good.auth_token),
    ]
    outcomes = office.authenticator.authenticate_all(logins)
    kinds = [Caller, Unauthorized, AccountSuspended, Caller, Unauthorized, Caller]
    assert [type(outcome) for outcome in outcomes] == kinds
    assert outcomes[0] == office.authenticator.authenticate(*logins[0])
    assert outcomes[3] == office.authenticator.authenticate(*logins[3])


def test_nothing_is_remembered_from_one_question_to_the_next(office: Office) -> None:
    """A key that was revoked is one that somebody else may have."""
    key = office.administration.create_key(account=None, scopes=[Scope.INTAKE])
    login = (key.key.sid, key.secret)
    assert isinstance(office.authenticator.authenticate_all([login, login])[1], Caller)
    office.administration.revoke_key(key.key.sid)
    assert [type(outcome) for outcome in office.authenticator.authenticate_all([login, login])] == [Unauthorized] * 2
