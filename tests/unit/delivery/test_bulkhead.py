"""The rule who may begin an attempt beside those that are under way: slow receivers never keep others waiting."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import replace

from dayfile.delivery.bulkhead import IN_FLIGHT_PER_ACCOUNT, IN_FLIGHT_PER_HOST, PLACES, THREADS, Bulkhead
from dayfile.model.account import AccountSid
from dayfile.model.lane import PROMPT_FOR, LaneHealth, LaneKey, Turn
from dayfile.model.notice import ATTEMPT_SECONDS, Channel
from dayfile.store.lanes import Eligible
from tests.support.notices import a_read_notice
from tests.support.state import a_sid

WHILE = PROMPT_FOR.total_seconds()
_numbers = itertools.count(1)


def _turn(health: LaneHealth, *, account: str | None = None, host: str | None = None) -> Turn:
    number = next(_numbers)
    sid = AccountSid(a_sid("AC", account or f"account {number}"))
    return Turn(
        lane_id=number,
        key=LaneKey(account=sid, channel=Channel.WEBHOOK, host=host or f"https://{number}.example.com"),
        health=health,
        failures=0,
        notice=a_read_notice(sid),
        attempt=1,
        worker="w",
        token=number,
    )


def _fill(room: Bulkhead, health: LaneHealth, *, at: float = 0.0) -> int:
    """Let as many in as may begin; how many that were."""
    for count in itertools.count():
        if room.eligible(health, at=at) is None:
            return count
        room.enter(_turn(health), at=at)
    raise AssertionError


def _eligible(room: Bulkhead) -> Eligible:
    eligible = room.eligible(LaneHealth.PROMPT, at=0.0)
    assert eligible is not None
    return eligible


def test_each_health_of_lanes_has_places_of_its_own() -> None:
    """However many are in trouble, or unknown: those that answer do not even share with them."""
    for order in itertools.permutations(LaneHealth):
        room = Bulkhead()
        assert {health: _fill(room, health) for health in order} == dict(PLACES)


def test_a_place_is_free_again_soon_whatever_the_receivers_do() -> None:
    """Attempts that linger go on without it."""
    room = Bulkhead()
    for health in LaneHealth:
        _fill(room, health)
        assert room.free(health, at=WHILE - 0.001) == 0
        assert room.free(health, at=WHILE) == PLACES[health]


def test_threads_are_never_short() -> None:
    """Everybody hangs for as long as an attempt may, for hours: each place has the threads that it needs."""
    room, running, most = Bulkhead(), deque[tuple[float, Turn]](), 0
    for tick in range(1000):
        at = tick * 0.5
        while running and running[0][0] <= at:
            room.leave(running.popleft()[1])
        for health in LaneHealth:
            while room.free(health, at=at):
                turn = _turn(health)
                room.enter(turn, at=at)
                running.append((at + ATTEMPT_SECONDS, turn))
        most = max(most, len(room))
    assert THREADS / 2 < most <= THREADS


def test_an_attempt_that_goes_on_with_the_next_notice_has_its_place_anew() -> None:
    """It may hang as well as the first one, and counts by what is known by then."""
    room, turn = Bulkhead(), _turn(LaneHealth.NEW)
    room.enter(turn, at=0.0)
    room.enter(replace(turn, health=LaneHealth.PROMPT), at=WHILE)
    assert len(room) == 1
    assert room.free(LaneHealth.NEW, at=WHILE) == PLACES[LaneHealth.NEW]
    assert room.free(LaneHealth.PROMPT, at=WHILE) == PLACES[LaneHealth.PROMPT] - 1
    room.leave(turn)
    assert len(room) == 0


def test_an_account_and_a_host_have_a_few_attempts_at_most() -> None:
    """Neither a customer with many receivers nor a host with many customers has all the places, lingering or not."""
    room = Bulkhead()
    for _ in range(IN_FLIGHT_PER_ACCOUNT - 1):
        room.enter(_turn(LaneHealth.TROUBLED, account="acme"), at=-WHILE)
    assert _eligible(room).not_accounts == []
    room.enter(_turn(LaneHealth.PROMPT, account="acme"), at=0.0)
    assert _eligible(room).not_accounts == [a_sid("AC", "acme")]
    for _ in range(IN_FLIGHT_PER_HOST):
        room.enter(_turn(LaneHealth.NEW, host="https://example.com"), at=0.0)
    assert _eligible(room).not_hosts == ["https://example.com"]
