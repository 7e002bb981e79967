"""Who may join the attempts that are under way: slow receivers never hold every thread."""

from __future__ import annotations

import itertools
from dataclasses import replace

from dayfile.delivery.room import CEILINGS, IN_FLIGHT_PER_ACCOUNT, IN_FLIGHT_PER_HOST, THREADS, Room
from dayfile.model.account import AccountSid
from dayfile.model.lane import LaneKey, Standing, Turn
from dayfile.model.notice import Channel
from dayfile.store.lanes import Eligible
from tests.support.notices import a_read_notice
from tests.support.state import a_sid

_numbers = itertools.count(1)


def _turn(standing: Standing, *, account: str | None = None, host: str | None = None) -> Turn:
    number = next(_numbers)
    sid = AccountSid(a_sid("AC", account or f"account {number}"))
    return Turn(
        lane_id=number,
        key=LaneKey(account=sid, channel=Channel.WEBHOOK, host=host or f"https://{number}.example.com"),
        standing=standing,
        failures=0,
        notice=a_read_notice(sid),
        attempt=1,
        worker="w",
        token=number,
    )


def _fill(room: Room, standing: Standing) -> int:
    """Let as many in as may join; how many that were."""
    for count in itertools.count():
        eligible = room.eligible()
        if eligible is None or standing not in eligible.standings:
            return count
        room.enter(_turn(standing))
    raise AssertionError


def _eligible(room: Room) -> Eligible:
    eligible = room.eligible()
    assert eligible is not None
    return eligible


def test_slow_receivers_leave_room_for_new_ones_and_for_those_that_answer() -> None:
    """However many hang: an account's first notice, and every prompt receiver, find a thread."""
    room = Room()
    assert _fill(room, Standing.TROUBLED) == CEILINGS[Standing.TROUBLED]
    assert _fill(room, Standing.NEW) == CEILINGS[Standing.NEW] - CEILINGS[Standing.TROUBLED]
    assert _fill(room, Standing.PROMPT) == THREADS - CEILINGS[Standing.NEW]
    assert room.eligible() is None
    assert len(room) == THREADS


def test_prompt_receivers_may_have_all_threads() -> None:
    """Nothing is kept free for trouble."""
    room = Room()
    assert _fill(room, Standing.PROMPT) == THREADS
    assert room.eligible() is None


def test_room_that_prompt_ones_take_is_not_there_for_others() -> None:
    """All of them together are never more than there are threads."""
    for first, then in itertools.permutations(Standing, 2):
        room = Room()
        filled = _fill(room, first) + _fill(room, then)
        assert filled == len(room) <= THREADS


def test_a_receiver_that_turns_slow_counts_as_slow_from_then_on() -> None:
    """A turn that goes on enters anew."""
    room, turn = Room(), _turn(Standing.NEW)
    room.enter(turn)
    room.enter(replace(turn, standing=Standing.TROUBLED))
    assert len(room) == 1
    assert _fill(room, Standing.TROUBLED) == CEILINGS[Standing.TROUBLED] - 1
    room.leave(turn)
    assert _fill(room, Standing.TROUBLED) == 1


def test_an_account_and_a_host_hold_a_few_threads_at_most() -> None:
    """Neither a customer with many receivers nor a host with many customers fills the room."""
    room = Room()
    for _ in range(IN_FLIGHT_PER_ACCOUNT - 1):
        room.enter(_turn(Standing.PROMPT, account="acme"))
    assert _eligible(room).not_accounts == []
    room.enter(_turn(Standing.PROMPT, account="acme"))
    assert _eligible(room).not_accounts == [a_sid("AC", "acme")]
    for _ in range(IN_FLIGHT_PER_HOST):
        room.enter(_turn(Standing.PROMPT, host="https://example.com"))
    assert _eligible(room).not_hosts == ["https://example.com"]
