"""Readers are remembered for moments: what ends that at once, what ends it in time, and what is never remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from dayfile.accounts.administer import Administration, NewAccount
from dayfile.accounts.authenticate import Authenticator
from dayfile.accounts.remembered import REMEMBERED_FOR_SECONDS, RememberedLogins
from dayfile.errors import AccountSuspended, Forbidden, Unauthorized
from dayfile.model.account import AccountSid, AccountState
from dayfile.model.account_entry import AccountEntry
from dayfile.model.credential import Caller, KeyKind
from dayfile.store.database import Database
from tests.support.clock import FakeClock
from tests.support.randomness import SeededRandomness
from tests.unit.accounts.conftest import KEY, Office

MOMENT = timedelta(seconds=REMEMBERED_FOR_SECONDS)
SECOND = timedelta(seconds=1)


def reader(authenticator: Authenticator, username: str, password: str) -> Caller:
    """The owner of a reader's credentials, found or looked up as for each request; raises as that does."""
    sent = f"{username}:{password}".encode()
    return authenticator.find_reader(sent) or authenticator.authenticate_reader(username, password, sent=sent)


def works(office: Office, username: str, password: str) -> bool:
    """True if a reader with these credentials gets an answer."""
    try:
        return bool(reader(office.authenticator, username, password))
    except (Unauthorized, AccountSuspended):
        return False


@pytest.fixture
def elsewhere(office: Office) -> Iterator[Administration]:
    """The administration of another process: the same database, opened by itself."""
    database = Database.connect(office.database.engine.url.render_as_string(hide_password=False))
    yield Administration(database, key=KEY, randomness=SeededRandomness("elsewhere"), clock=office.clock)
    database.close()


def _rotate(administration: Administration, sid: AccountSid) -> object:
    return administration.rotate_token(sid, keep_old_for=timedelta(0))


def _bring(administration: Administration, sid: AccountSid) -> object:
    entry = AccountEntry(sid=sid, token=None, parent=None, state=AccountState.SUSPENDED, friendly_name=None, email=None)
    return administration.bring([entry], keep_old_for=timedelta(0))


ENDS = [_rotate, Administration.suspend, Administration.close, _bring]


@pytest.mark.parametrize("end", ENDS)
def test_what_this_process_ends_is_ended_at_once(
    office: Office, end: Callable[[Administration, AccountSid], object]
) -> None:
    """An operator who is told that it is done may rely on it."""
    new = office.administration.create_account()
    assert works(office, new.account.sid, new.auth_token)
    end(office.administration, new.account.sid)
    assert not works(office, new.account.sid, new.auth_token)


@pytest.mark.parametrize("end", ENDS)
def test_what_another_process_ends_is_ended_within_moments(
    office: Office, elsewhere: Administration, end: Callable[[Administration, AccountSid], object]
) -> None:
    """The longest time is a promise: it counts from before the credentials were last looked up."""
    new = office.administration.create_account()
    assert works(office, new.account.sid, new.auth_token)
    office.clock.pass_by(SECOND)
    end(elsewhere, new.account.sid)
    assert works(office, new.account.sid, new.auth_token)  # and that does not prolong it
    office.clock.pass_by(MOMENT - SECOND)
    assert not works(office, new.account.sid, new.auth_token)


def test_a_parent_that_is_suspended_takes_its_subaccounts_along(office: Office) -> None:
    """They are rows of their own, and what is remembered of them holds the parent's state."""
    parent = office.administration.create_account()
    child = office.administration.create_account(parent=parent.account.sid)
    assert works(office, child.account.sid, child.auth_token)
    office.administration.suspend(parent.account.sid)
    assert not works(office, child.account.sid, child.auth_token)
    office.administration.activate(parent.account.sid)
    assert works(office, child.account.sid, child.auth_token)


def test_a_key_that_is_revoked_opens_nothing_any_more(office: Office, elsewhere: Administration) -> None:
    """By itself, with its account, here and elsewhere."""
    account = office.administration.create_account().account.sid
    here, there = (office.administration.create_key(account=account, kind=KeyKind.MAIN) for _ in range(2))
    assert works(office, here.key.sid, here.secret)
    assert works(office, there.key.sid, there.secret)
    office.administration.revoke_key(here.key.sid, account=account)
    assert not works(office, here.key.sid, here.secret)
    elsewhere.revoke_key(there.key.sid)
    office.clock.pass_by(MOMENT)
    assert not works(office, there.key.sid, there.secret)


def test_a_former_token_ends_at_its_moment_however_lately_it_was_used(office: Office) -> None:
    """The operator was told 24 hours, not 24 hours and some seconds."""
    new = office.administration.create_account()
    office.administration.rotate_token(new.account.sid)
    office.clock.pass_by(timedelta(hours=24) - SECOND)
    assert works(office, new.account.sid, new.auth_token)
    office.clock.pass_by(SECOND)
    assert not works(office, new.account.sid, new.auth_token)


def test_wrong_credentials_are_never_remembered(office: Office, elsewhere: Administration) -> None:
    """Neither as right, nor as wrong: a token that becomes right works at once."""
    new = office.administration.create_account()
    assert works(office, new.account.sid, new.auth_token)
    assert not works(office, new.account.sid, "wrong")
    other = elsewhere.rotate_token(new.account.sid)
    assert works(office, new.account.sid, other)


def test_a_suspended_account_is_told_so_and_not_remembered(office: Office, elsewhere: Administration) -> None:
    """An account that another process activates works at once."""
    new = office.administration.create_account()
    office.administration.suspend(new.account.sid)
    with pytest.raises(AccountSuspended):
        reader(office.authenticator, new.account.sid, new.auth_token)
    elsewhere.activate(new.account.sid)
    assert works(office, new.account.sid, new.auth_token)


def test_who_changes_something_is_always_looked_up(office: Office, elsewhere: Administration) -> None:
    """A credential that was ended elsewhere a moment ago may still read, and nothing else."""
    new = office.administration.create_account()
    assert works(office, new.account.sid, new.auth_token)
    elsewhere.suspend(new.account.sid)
    assert works(office, new.account.sid, new.auth_token)
    with pytest.raises(Forbidden):
        office.authenticator.authenticate(new.account.sid, new.auth_token)


def test_a_change_while_a_login_is_looked_up_is_not_missed(office: Office) -> None:
    """A row that was read before a change, and kept after it, would outlive it."""
    new = office.administration.create_account()
    slow = Authenticator(_ChangedMeanwhile(office, new), key=KEY, clock=office.clock)  # type: ignore[arg-type]
    assert reader(slow, new.account.sid, new.auth_token).account == new.account
    with pytest.raises(AccountSuspended):
        reader(slow, new.account.sid, new.auth_token)


class _ChangedMeanwhile:
    """A database on which the account is suspended as soon as its login was first read."""

    def __init__(self, office: Office, new: NewAccount) -> None:
        self._office, self._sid, self._is_done = office, new.account.sid, False

    def __getattr__(self, name: str) -> object:
        return getattr(self._office.database, name)

    def snapshot(self) -> object:
        return _AndThen(self._office.database, self._suspend)

    def _suspend(self) -> None:
        if not self._is_done:
            self._is_done = True
            self._office.administration.suspend(self._sid)


class _AndThen:
    """A snapshot after which something happens."""

    def __init__(self, database: Database, then: Callable[[], None]) -> None:
        self._snapshot, self._then = database.snapshot(), then

    def __enter__(self) -> object:
        return self._snapshot.__enter__()

    def __exit__(self, *error: object) -> None:
        self._snapshot.__exit__(None, None, None)
        self._then()


def test_who_is_remembered_is_not_looked_up_again(office: Office) -> None:
    """That is what it is for; and nobody is found by less, or more, than all that was sent."""
    new = office.administration.create_account()
    sent = f"{new.account.sid}:{new.auth_token}".encode()
    assert office.authenticator.find_reader(sent) is None
    found = reader(office.authenticator, new.account.sid, new.auth_token)
    assert office.authenticator.find_reader(sent) == found
    assert [office.authenticator.find_reader(other) for other in (b"", sent[:-1], sent + b" ")] == [None] * 3


def test_few_are_remembered_and_the_oldest_is_forgotten_first() -> None:
    """Memory is bounded, however many accounts there are."""
    kept, clock = RememberedLogins(most=2), FakeClock()
    caller = Caller(credential="SK", account=None, scopes=frozenset(), permissions=frozenset())
    for name in (b"a", b"b", b"a", b"c"):
        kept.keep(name, caller, ends_at=None, as_of=0, looked_up_at=clock.monotonic())
    assert len(kept) == 2
    assert [kept.find(name, as_of=0, clock=clock) is not None for name in (b"a", b"b", b"c")] == [True, False, True]
    assert kept.find(b"a", as_of=1, clock=clock) is None
