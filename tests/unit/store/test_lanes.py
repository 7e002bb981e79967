"""Lanes: one claim, one attempt, in order; each written down as it begins and as it ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from dayfile.errors import LostClaim
from dayfile.model.account import AccountSid
from dayfile.model.lane import GIVE_UP_AFTER, LONGEST_REST, PATIENCE, LaneHealth, Turn, rest
from dayfile.model.notice import RETRY_DELAYS, Attempt, NewNotice, NoticeState, Result
from dayfile.store.database import Database
from dayfile.store.lanes import Eligible
from tests.support.clock import NOON
from tests.support.lanes import ANY_OF, LEASE, QUICK, attempted, claimed, concluded
from tests.support.notices import a_notice, an_outcome, told
from tests.support.state import an_account

SECOND = timedelta(seconds=1)
FAILED = an_outcome(Result.FAILED, status=500)


def _claim(database: Database, account: AccountSid, *, now: datetime = NOON) -> Turn:
    turn = claimed(database, account, now=now)
    assert turn is not None
    return turn


def _names(database: Database, account: AccountSid, count: int) -> list[NewNotice]:
    news = [a_notice(account, f"n{number}") for number in range(count)]
    for new in news:
        told(database, new)
    return news


def _due_accounts(database: Database, eligible: Eligible | None = None, *, now: datetime = NOON) -> list[AccountSid]:
    with database.snapshot() as tx:
        every = ANY_OF.values() if eligible is None else [eligible]
        return [account for one in every for account in tx.lanes.due_accounts(one, limit=99, now=now)]


def _attempts(database: Database, new: NewNotice) -> list[Attempt]:
    with database.snapshot() as tx:
        return tx.notices.attempts(new.sid)


def test_an_attempt_is_written_down_as_it_begins_and_as_it_ends(database: Database) -> None:
    """A process that dies in between leaves one without an end; nobody has to guess whether it was made."""
    new = a_notice(an_account(database).sid)
    told(database, new)
    turn = _claim(database, new.account)
    begun = Attempt(number=1, began_at=NOON, took=None, result=None, status=None, error=None, answer=b"")
    assert _attempts(database, new) == [begun]
    concluded(database, turn, replace(FAILED, answer=b"oh no"))
    ended = replace(begun, took=QUICK, result=Result.FAILED, status=500, error=FAILED.error, answer=b"oh no")
    assert _attempts(database, new) == [ended]


def test_a_lane_is_claimed_once_at_a_time(database: Database) -> None:
    """So no two workers attempt one notice, and a lane keeps its order."""
    acme = an_account(database).sid
    _names(database, acme, 3)
    with ThreadPoolExecutor(8) as pool:
        turns = list(pool.map(lambda n: claimed(database, acme, worker=f"w{n}"), range(8)))
    assert len([turn for turn in turns if turn is not None]) == 1


def test_the_earliest_notice_that_is_due_comes_first(database: Database) -> None:
    """Receivers see events in their order; one that waits for its next attempt holds up none."""
    acme = an_account(database).sid
    first, second, _ = _names(database, acme, 3)
    turn = _claim(database, acme)
    assert turn.notice.sid == first.sid
    following = concluded(database, turn, FAILED, goes_on=True)
    assert following is not None
    assert (following.notice.sid, following.token) == (second.sid, turn.token)
    concluded(database, following)
    assert _claim(database, acme, now=NOON + RETRY_DELAYS[0]).notice.sid == first.sid


def test_a_claim_that_was_lost_records_nothing(database: Database) -> None:
    """Another worker has the lane: what this one saw counts for nothing, and the log shows no end."""
    new = a_notice(an_account(database).sid)
    told(database, new)
    lost = _claim(database, new.account)
    assert claimed(database, new.account, now=NOON + LEASE - SECOND) is None
    taken = _claim(database, new.account, now=NOON + LEASE)
    assert (taken.notice.sid, taken.attempt) == (new.sid, 2)
    with pytest.raises(LostClaim):
        concluded(database, lost)
    assert [one.result for one in _attempts(database, new)] == [None, None]
    concluded(database, taken)
    with database.snapshot() as tx:
        assert tx.notices.get(new.sid).state is NoticeState.DELIVERED


def test_a_lane_with_nothing_left_is_left_alone(database: Database) -> None:
    """An empty lane costs nothing, until something is written for it."""
    acme = an_account(database).sid
    _names(database, acme, 1)
    attempted(database, acme)
    assert _due_accounts(database, now=NOON + timedelta(days=9)) == []
    told(database, a_notice(acme, "another"))
    assert _due_accounts(database) == [acme]


def test_a_lane_rests_when_its_host_is_down(database: Database) -> None:
    """Thousands of notices for a dead host make no more attempts than one would."""
    acme = an_account(database).sid
    _names(database, acme, 9)
    now = NOON
    for failures in range(1, 8):
        attempted(database, acme, now=now, fails=True)
        if failures < PATIENCE:
            assert _due_accounts(database, now=now) == [acme], "one failure may be an accident"
        else:
            assert _due_accounts(database, now=now + rest(failures) - SECOND) == []
        now += rest(failures)
        assert _due_accounts(database, now=now) == [acme]
    told(database, a_notice(acme, "new"), now=now - SECOND)
    assert _due_accounts(database, now=now - SECOND) == [], "news do not wake a host that is down"
    assert _due_accounts(database, now=now) == [acme]


def test_a_host_that_is_back_hears_everything_at_once(database: Database) -> None:
    """Notices that were to wait for hours go out in the order in which things happened."""
    acme = an_account(database).sid
    news, now, failures = _names(database, acme, 20), NOON, 0
    while rest(failures) < LONGEST_REST:
        attempted(database, acme, now=now, fails=True)
        failures += 1
        now += rest(failures)
    told_in_order, following = [], claimed(database, acme, now=now)
    while following is not None:
        told_in_order.append(following.notice.sid)
        following = concluded(database, following, now=now, goes_on=True)
    assert sorted(told_in_order) == sorted(new.sid for new in news), "nothing waits for its next attempt"
    assert told_in_order[1:] == [new.sid for new in news if new.sid != told_in_order[0]]


def test_what_waited_for_a_dead_host_for_days_is_exhausted(database: Database) -> None:
    """However few its attempts: news of last week help nobody, and a queue must end."""
    acme = an_account(database).sid
    old = _names(database, acme, 3)
    late = NOON + GIVE_UP_AFTER
    told(database, a_notice(acme, "young"), now=late)
    attempted(database, acme, now=late, fails=True)
    with database.snapshot() as tx:
        assert {tx.notices.get(new.sid).state for new in old} == {NoticeState.EXHAUSTED}
        assert {tx.notices.get(new.sid).ended_at for new in old} == {late}
    assert _claim(database, acme, now=late).notice.content.friendly_name == "young"


def test_claims_go_round_the_accounts(database: Database) -> None:
    """An account with thousands of lanes comes no more often than one with a single lane."""
    many, few = an_account(database, "many").sid, an_account(database, "few").sid
    hosts = [f"https://{number}.example.com" for number in range(9)]
    told(database, *[a_notice(many, f"m{number}", receiver=host) for number, host in enumerate(hosts)])
    told(database, a_notice(few, "f"))
    for account in (few, *[many] * len(hosts)):
        attempted(database, account)
    told(database, *[a_notice(many, f"again {number}", receiver=host) for number, host in enumerate(hosts)])
    told(database, a_notice(few, "again"))
    prompt = ANY_OF[LaneHealth.PROMPT]
    assert _due_accounts(database, prompt) == [few, many]
    attempted(database, few)
    told(database, a_notice(few, "and again"))
    assert _due_accounts(database, prompt) == [many, few]


def test_of_hosts_never_asked_the_latest_comes_first(database: Database) -> None:
    """A crowd of unknown hosts, of which many may hang, must not keep what has just happened waiting."""
    accounts = [an_account(database, name).sid for name in ("first", "second", "third")]
    for number, account in enumerate(accounts):
        told(database, a_notice(account, account), now=NOON + number * SECOND)
    assert _due_accounts(database, ANY_OF[LaneHealth.NEW], now=NOON + LEASE) == accounts[::-1]


def test_lanes_of_an_account_take_turns(database: Database) -> None:
    """A long queue for one host does not hold up another's first notice."""
    acme = an_account(database).sid
    told(database, a_notice(acme, "o0", receiver="https://other.example.com"))
    attempted(database, acme)
    _names(database, acme, 3)
    attempted(database, acme)
    told(database, a_notice(acme, "o1", receiver="https://other.example.com"))
    assert [attempted(database, acme).notice.content.friendly_name for _ in range(3)] == ["o1", "n1", "n2"]


@pytest.mark.parametrize(
    "eligible",
    [
        ANY_OF[LaneHealth.PROMPT],
        ANY_OF[LaneHealth.TROUBLED],
        replace(ANY_OF[LaneHealth.NEW], not_hosts=["https://example.com"]),
    ],
    ids=["prompt", "troubled", "other hosts"],
)
def test_only_what_there_is_room_for_is_claimed(database: Database, eligible: Eligible) -> None:
    """The dispatcher says what may join; whoever is looked for and whoever is taken are the same."""
    acme = an_account(database).sid
    _names(database, acme, 1)
    assert _due_accounts(database, replace(ANY_OF[LaneHealth.NEW], not_accounts=[acme])) == []
    assert _due_accounts(database, eligible) == []
    assert claimed(database, acme, eligible=eligible) is None
    assert _due_accounts(database) == [acme]


def test_a_lane_that_nobody_takes_is_found(database: Database) -> None:
    """From this, `dayfile check` knows that no worker runs."""
    acme = an_account(database).sid
    _names(database, acme, 1)
    with database.snapshot() as tx:
        assert tx.lanes.overdue(before=NOON - SECOND, limit=9) == []
        assert [(key.account, due_at) for key, due_at in tx.lanes.overdue(before=NOON, limit=9)] == [(acme, NOON)]
    _claim(database, acme)
    with database.snapshot() as tx:
        assert tx.lanes.overdue(before=NOON, limit=9) == []
        assert len(tx.lanes.overdue(before=NOON + LEASE, limit=9)) == 1
