"""The dispatcher: due notices are attempted, written down, and tried again until they arrive."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from dayfile.delivery.bulkhead import IN_FLIGHT_PER_HOST, PLACES, THREADS
from dayfile.delivery.dispatcher import LEASE
from dayfile.errors import DatabaseUnavailable
from dayfile.model.lane import LONGEST_REST, PROMPT_FOR, LaneHealth
from dayfile.model.notice import RETRY_DELAYS, Notice, NoticeState, Outcome, Result
from tests.support.clock import NOON
from tests.support.lanes import claimed
from tests.support.notices import an_outcome
from tests.support.office import Office
from tests.support.state import AUTH_TOKEN, an_account
from tests.support.steps import SteppingDatabase, Steps

MINUTE = timedelta(minutes=1)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """An office of one's own."""
    return Office(tmp_path)


def _failing(status: int = 500) -> Callable[[Notice], Outcome]:
    return lambda _: an_outcome(Result.FAILED, status=status)


def test_what_is_due_is_told_in_order_with_the_secrets_of_its_account(office: Office) -> None:
    """One event sid, one attempt, and nothing left to do."""
    new = office.tell("first", "second", "third")
    office.deliver()
    assert office.transport.names == ["first", "second", "third"]
    assert {credentials.auth_token for credentials in office.transport.credentials} == {AUTH_TOKEN}
    found = office.find(new)
    assert (found.state, found.ended_at) == (NoticeState.DELIVERED, NOON)
    assert [(one.number, one.result, one.status) for one in office.attempts(new)] == [(1, Result.DELIVERED, 200)]
    assert office.woken, "there is room again"
    assert not office.dispatcher.step()


@pytest.mark.compat(63)
def test_a_failing_notice_is_tried_ten_times_by_the_schedule_then_exhausted(office: Office) -> None:
    """A receiver that is away for a day misses nothing, and one that never comes back costs ten attempts."""
    office.transport.answer = _failing()
    new = office.tell("notice")
    for delay in RETRY_DELAYS:
        office.deliver()
        due_at = office.find(new).next_attempt_at
        assert due_at is not None
        assert delay <= due_at - office.clock.now() <= delay * 1.2
        office.clock.pass_until(due_at - timedelta(seconds=1))
        assert not office.dispatcher.step(), "not before it is due"
        office.clock.pass_until(due_at)
    office.deliver()
    assert office.find(new).state is NoticeState.EXHAUSTED
    assert [one.number for one in office.attempts(new)] == list(range(1, len(RETRY_DELAYS) + 2))


@pytest.mark.compat(63)
def test_a_receiver_that_wants_no_more_is_left_alone(office: Office) -> None:
    """Gone is an answer."""
    office.transport.answer = lambda _: an_outcome(Result.STOPPED, status=410)
    new = office.tell("notice")
    office.deliver()
    assert office.find(new).state is NoticeState.STOPPED


def test_one_poisoned_notice_holds_up_no_other(office: Office) -> None:
    """A receiver may choke on one of them; the later ones arrive, the poisoned one waits for its next attempt."""
    office.transport.answer = lambda notice: an_outcome(
        Result.FAILED if notice.content.friendly_name == "poison" else Result.DELIVERED
    )
    office.tell("poison", "second", "third")
    office.deliver()
    assert office.transport.names == ["poison", "second", "third"]


def test_a_dead_receiver_of_many_notices_is_seldom_asked(office: Office) -> None:
    """A thousand notices cost a dozen attempts an hour, not a thousand; then all of them arrive at once."""
    office.transport.answer = _failing()
    office.tell(*[f"n{number}" for number in range(1000)])
    for _ in range(120):
        office.deliver()
        office.clock.pass_by(MINUTE)
    assert len(office.transport.given) < 2 * (60 / 5) + 10
    office.transport.answer = lambda _: an_outcome()
    office.clock.pass_by(LONGEST_REST)
    office.transport.given.clear()
    office.deliver()
    assert len(office.transport.given) == 1000
    assert office.transport.names[1:] == sorted(office.transport.names[1:], key=lambda name: int(name[1:]))


def test_a_transport_that_breaks_is_a_failed_attempt(office: Office) -> None:
    """A bug of ours must neither end the dispatcher nor lose the notice, and says nothing of itself to customers."""

    def broken(notice: Notice) -> Outcome:
        raise ZeroDivisionError(notice.receiver)

    office.transport.answer = broken
    new = office.tell("notice")
    with capture_logs() as logs:
        office.deliver()
    [attempt] = office.attempts(new)
    assert (attempt.result, office.find(new).state) == (Result.FAILED, NoticeState.PENDING)
    assert "internal error" in (attempt.error or "")
    assert "ZeroDivisionError" not in (attempt.error or "")
    assert "notice.transport_failed" in {line["event"] for line in logs}


def test_the_log_tells_of_each_attempt_without_content_or_secrets(office: Office) -> None:
    """Addresses carry tokens, bodies carry content; the event sid is enough to find both."""
    office.transport.answer = lambda _: replace(an_outcome(Result.FAILED, status=503), answer=b"secret answer")
    new = office.tell("private name", receiver="https://user:password@example.com/?token=secret")
    with capture_logs() as logs:
        office.deliver()
    [line] = [line for line in logs if line["event"] == "notice.attempted"]
    assert line == {
        "event": "notice.attempted",
        "log_level": "info",
        "event_sid": new.sid,
        "account": office.acme,
        "channel": "webhook",
        "attempt": 1,
        "result": "failed",
        "status": 503,
        "duration_ms": 0,
        "state": "pending",
    }
    assert not {"private name", "secret", "password", AUTH_TOKEN} & set(str(logs).split())


def test_an_outcome_waits_for_a_database_that_is_away(office: Office) -> None:
    """The receiver has it: telling it again because of our own trouble would be rude."""
    new = office.tell("notice")
    steps = Steps(at=5, recovers=True)  # claim: begin, commit, committed; then the record
    office.dispatcher = office.new_dispatcher(database=SteppingDatabase.of(office.database, steps))
    while not steps.was_reached:
        office.dispatcher.step()
    assert office.find(new).state is NoticeState.PENDING
    assert claimed(office.database, office.acme) is None, "its lane is held meanwhile"
    office.deliver()
    assert office.find(new).state is NoticeState.DELIVERED
    assert office.transport.names == ["notice"]


def test_a_dispatcher_that_dies_leaves_an_attempt_that_is_made_again(office: Office) -> None:
    """At least once, under the same event sid; the log shows that nobody knows how the first one ended."""
    new = office.tell("notice")
    assert claimed(office.database, office.acme, worker="dead") is not None
    assert not office.dispatcher.step()
    office.clock.pass_by(LEASE)
    office.deliver()
    assert [one.result for one in office.attempts(new)] == [None, Result.DELIVERED]


def test_a_round_that_cannot_claim_holds_no_room(office: Office) -> None:
    """A database that comes back finds the dispatcher as it was."""
    office.tell("notice")
    for step in (1, 2, 3):
        steps = Steps(at=step, recovers=True)
        dispatch = office.new_dispatcher(database=SteppingDatabase.of(office.database, steps))
        with pytest.raises(DatabaseUnavailable):
            dispatch.step()
        office.clock.pass_by(LEASE)  # after the last step it is claimed, and nobody knows
        dispatch.join()
    office.deliver()
    assert office.transport.names == ["notice"]


def test_slow_receivers_do_not_delay_a_prompt_one(office: Office) -> None:
    """Two threads of an account hang; another account's notice goes out meanwhile."""
    released, hanging = threading.Event(), threading.Semaphore(0)

    def answer(notice: Notice) -> Outcome:
        if "slow" in notice.receiver:
            hanging.release()
            released.wait()
        return an_outcome()

    office.transport.answer = answer
    arrived = an_account(office.database, "other").sid
    with ThreadPoolExecutor(16) as pool:
        office.dispatcher = office.new_dispatcher(pool)
        for number in range(20):
            office.tell(f"s{number}", receiver=f"https://slow{number}.example.com/")
        office.deliver()
        hanging.acquire()
        hanging.acquire()
        prompt = office.tell("prompt", account=arrived)
        while office.find(prompt).state is NoticeState.PENDING:
            office.dispatcher.step()
        assert not hanging.acquire(blocking=False), "no third one of that account began"
        released.set()
        office.dispatcher.stop()
        office.dispatcher.join()
    assert {one.result for one in office.attempts(prompt)} == {Result.DELIVERED}


def test_a_crowd_of_unknown_hosts_that_hang_keeps_nobody_waiting_for_long(office: Office) -> None:
    """After an outage everybody's receivers may be new, and dead: what happens then still goes out within seconds."""
    released = threading.Event()

    def answer(notice: Notice) -> Outcome:
        if "slow" in notice.receiver:
            released.wait()
        return an_outcome()

    office.transport.answer = answer
    slow = []
    for number in range(4 * PLACES[LaneHealth.NEW]):
        account = an_account(office.database, f"slow {number}").sid
        slow.append(office.tell(f"s{number}", account=account, receiver=f"https://slow{number}.example.com/"))
    with ThreadPoolExecutor(THREADS) as pool:
        office.dispatcher = office.new_dispatcher(pool)
        office.deliver()
        office.clock.pass_by(PROMPT_FOR)
        latest = office.tell("latest")
        while office.find(latest).state is NoticeState.PENDING:
            office.dispatcher.step()
        ended = [one for new in slow for one in office.attempts(new) if one.result is not None]
        released.set()
        office.dispatcher.stop()
        office.dispatcher.join()
    assert ended == [], "all of them hung meanwhile"


def test_a_stop_waits_for_what_is_begun_and_begins_nothing(office: Office) -> None:
    """A worker that is told to stop leaves no attempt whose end nobody knows."""
    released, begun = threading.Event(), threading.Event()

    def answer(_: Notice) -> Outcome:
        begun.set()
        released.wait()
        return an_outcome()

    office.transport.answer = answer
    second = office.tell("first", "second")
    with ThreadPoolExecutor(16) as pool:
        office.dispatcher = office.new_dispatcher(pool)
        office.deliver()
        begun.wait()
        office.dispatcher.stop()
        released.set()
        office.dispatcher.join()
    assert office.transport.names == ["first"]
    assert office.find(second).attempts == 0
    assert not office.dispatcher.step()


def test_a_host_of_many_accounts_is_not_run_over(office: Office) -> None:
    """A popular host has a few attempts at a time, whoever they are for."""
    accounts = [an_account(office.database, f"a{number}").sid for number in range(8)]
    released, lock = threading.Event(), threading.Lock()
    at_once: list[str] = []

    def answer(notice: Notice) -> Outcome:
        with lock:
            at_once.append(notice.account)
        released.wait()
        return an_outcome()

    office.transport.answer = answer
    with ThreadPoolExecutor(16) as pool:
        office.dispatcher = office.new_dispatcher(pool)
        for account in accounts:
            office.tell(account, account=account)
        office.deliver()
        assert len(office.transport.given) <= IN_FLIGHT_PER_HOST
        released.set()
        while len(at_once) < len(accounts):
            office.dispatcher.step()
        office.dispatcher.join()
    assert sorted(at_once) == sorted(accounts)
