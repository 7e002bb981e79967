"""The outbox: what is written once, found again, begun anew, and forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from dayfile.errors import NotFound
from dayfile.model.day import Day
from dayfile.model.lane import GIVE_UP_AFTER
from dayfile.model.notice import (
    Channel,
    DayContent,
    EventSid,
    NewNotice,
    Notice,
    NoticeEvent,
    NoticeState,
)
from dayfile.store.database import Database
from dayfile.store.tables.notices import attempt, lane
from tests.support.clock import NOON
from tests.support.lanes import attempted, claimed, concluded
from tests.support.notices import a_notice, told
from tests.support.state import a_sid, an_account

HOUR = timedelta(hours=1)


def _find(database: Database, new: NewNotice) -> Notice:
    with database.snapshot() as tx:
        return tx.notices.get(new.sid)


def test_a_notice_is_read_as_it_was_written(database: Database) -> None:
    """An event is told as it was then, whatever has become of the job."""
    new = a_notice(an_account(database).sid)
    told(database, new)
    found = _find(database, new)
    assert {name: getattr(found, name) for name in NewNotice.__slots__} == {
        name: getattr(new, name) for name in NewNotice.__slots__
    }
    assert (found.state, found.attempts, found.next_attempt_at, found.ended_at) == (NoticeState.PENDING, 0, NOON, None)


def test_a_daily_file_is_told_of_too(database: Database) -> None:
    """It has a day and a generation where a job has a sid."""
    day = replace(
        a_notice(an_account(database).sid),
        event=NoticeEvent.DAY_EXPORTED,
        job_sid=None,
        day=Day.parse("2026-11-01"),
        generation=7,
        content=DayContent(friendly_name="Daily export", size_bytes=5_000_000_000),
    )
    told(database, day)
    assert _find(database, day).content == day.content


@pytest.mark.parametrize("event", [NoticeEvent.JOB_FINISHED, NoticeEvent.DAY_EXPORTED])
def test_nothing_is_told_twice_on_one_channel(database: Database, event: NoticeEvent) -> None:
    """Receivers know the first event sid, whatever crashes and is done again."""
    first = replace(a_notice(an_account(database).sid), event=event)
    if event is NoticeEvent.DAY_EXPORTED:
        first = replace(first, job_sid=None, day=Day.parse("2026-11-01"), generation=1)
    again = replace(first, sid=EventSid(a_sid("EV", "again")))
    mail = replace(again, sid=EventSid(a_sid("EV", "mail")), channel=Channel.MAIL, receiver="a@example.com")
    told(database, first)
    told(database, again, mail)
    with database.snapshot() as tx:
        assert [notice.sid for notice in tx.notices.page(limit=9)] == [mail.sid, first.sid]


def test_notices_are_listed_newest_first_by_account_and_state(database: Database) -> None:
    """A customer sees their own, an operator looks for what did not arrive."""
    acme, other = an_account(database), an_account(database, "other")
    news = [a_notice(acme.sid, f"n{number}", receiver=f"https://{number}.example.com") for number in range(5)]
    told(database, *news[:3])
    told(database, a_notice(other.sid, "foreign"))
    told(database, *news[3:])
    attempted(database, acme.sid)
    with database.snapshot() as tx:
        listed = tx.notices.page(account=acme.sid, limit=9)
        assert sorted(notice.sid for notice in listed) == sorted(new.sid for new in news)
        assert [notice.number for notice in listed] == sorted((notice.number for notice in listed), reverse=True)
        older = tx.notices.page(account=acme.sid, before=listed[1].number, limit=2)
        newer = tx.notices.page(account=acme.sid, after=listed[4].number, limit=2)
        assert (older, newer) == (listed[2:4], listed[2:4])
        assert tx.notices.page(account=acme.sid, offset=4, limit=9) == listed[4:]
        delivered = tx.notices.page(state=NoticeState.DELIVERED, limit=9)
        assert [notice.state for notice in delivered] == [NoticeState.DELIVERED]
        assert tx.notices.find(news[0].sid, account=other.sid) is None
        assert tx.notices.find(news[0].sid, account=acme.sid) is not None
        with pytest.raises(NotFound):
            tx.notices.get(EventSid(a_sid("EV", "none")))


def test_a_notice_that_has_ended_can_be_replayed_at_once(database: Database) -> None:
    """Even while its host rests: who asks for it knows that the host is well again."""
    acme, new = an_account(database).sid, a_notice(an_account(database, "other").sid)
    told(database, new)
    attempted(database, new.account)
    later = NOON + HOUR
    with database.transaction() as tx:
        tx.notices.replay(new.sid, now=later)
    found = _find(database, new)
    assert (found.state, found.attempts, found.next_attempt_at, found.ended_at) == (NoticeState.PENDING, 0, later, None)
    turn = claimed(database, new.account, now=later)
    assert turn is not None
    assert (turn.notice.sid, turn.notice.attempts, turn.attempt) == (new.sid, 1, 2), "the log goes on"
    assert claimed(database, acme, now=later) is None


def test_the_next_attempt_of_a_pending_notice_can_be_brought_forward(database: Database) -> None:
    """A customer who has repaired the receiver need not wait for hours; the schedule goes on where it was."""
    account = an_account(database).sid
    new, other = (a_notice(account, name) for name in ("new", "other"))
    told(database, new, other)
    for seconds in (0, 0, 10):  # PATIENCE times: their host rests
        attempted(database, account, now=NOON + timedelta(seconds=seconds), fails=True)
    other_is_next = _find(database, other).next_attempt_at
    later = NOON + timedelta(seconds=11)
    assert claimed(database, account, now=later) is None, "it rests"
    with database.transaction() as tx:
        tx.notices.replay(new.sid, now=later)
    found = _find(database, new)
    assert (found.state, found.next_attempt_at, found.ended_at) == (NoticeState.PENDING, later, None)
    assert found.attempts == 2, "it is no new notice"
    assert _find(database, other).next_attempt_at == other_is_next
    turn = claimed(database, account, now=later)
    assert turn is not None
    assert turn.notice.sid == new.sid


def test_what_is_due_already_is_not_put_off_by_bringing_it_forward(database: Database) -> None:
    """Asked for twice, or by an operator whose clock is behind."""
    new = a_notice(an_account(database).sid)
    told(database, new)
    with database.transaction() as tx:
        tx.notices.replay(new.sid, now=NOON + HOUR)
    assert _find(database, new).next_attempt_at == NOON


def test_what_is_being_attempted_now_can_be_asked_for(database: Database) -> None:
    """Nothing is attempted twice at a time, and the attempt that is under way is recorded."""
    new = a_notice(an_account(database).sid)
    told(database, new)
    turn = claimed(database, new.account)
    assert turn is not None
    with database.transaction() as tx:
        tx.notices.replay(new.sid, now=NOON)
    assert claimed(database, new.account) is None
    concluded(database, turn)
    assert _find(database, new).state is NoticeState.DELIVERED


def test_what_ended_long_ago_is_forgotten_in_steps(database: Database) -> None:
    """The log must not grow for ever, nor be taken away in one long transaction."""
    acme = an_account(database).sid
    old = [a_notice(acme, f"n{number}") for number in range(5)]
    told(database, *old)
    for _ in old:
        attempted(database, acme)
    told(database, a_notice(acme, "pending", receiver="https://other.example.com"))
    with database.transaction() as tx:
        assert tx.notices.forget(ended_before=NOON, limit=9) == 0
        assert [tx.notices.forget(ended_before=NOON + HOUR, limit=3) for _ in range(3)] == [3, 2, 0]
        assert [notice.content.friendly_name for notice in tx.notices.page(limit=9)] == ["pending"]
    with database.exclusively() as connection:
        assert connection.execute(select(attempt)).all() == []
        assert len(connection.execute(select(lane)).all()) == 1, "a lane without notices goes with them"


def test_a_lane_in_use_is_not_forgotten(database: Database) -> None:
    """A notice may be written for it at any moment."""
    acme = an_account(database).sid
    told(database, a_notice(acme, "old"))
    attempted(database, acme)
    told(database, a_notice(acme, "new"))
    with database.transaction() as tx:
        assert tx.notices.forget(ended_before=NOON + HOUR, limit=9) == 1
    assert claimed(database, acme) is not None


def test_a_replayed_notice_is_given_its_whole_time_again(database: Database) -> None:
    """Else one that was replayed after days would be exhausted by its first failure."""
    new = a_notice(an_account(database).sid)
    told(database, new)
    attempted(database, new.account)
    later = NOON + 2 * GIVE_UP_AFTER
    with database.transaction() as tx:
        tx.notices.replay(new.sid, now=later)
    attempted(database, new.account, now=later, fails=True)
    assert _find(database, new).state is NoticeState.PENDING


def test_a_notice_that_no_claim_would_find_is_found(database: Database) -> None:
    """A lane that is not due while something in it is pending would be silent for ever: `dayfile check` looks."""
    new = a_notice(an_account(database).sid)
    told(database, new)
    with database.snapshot() as tx:
        assert tx.notices.forgotten(limit=9) == []
    with database.exclusively() as connection:
        connection.execute(update(lane).values(due_at=None))
    with database.snapshot() as tx:
        assert tx.notices.forgotten(limit=9) == [new.sid]
