"""Bulkheads of delivery: limits on concurrent attempts, so that a slow receiver delays nobody else.

An attempt takes up to ATTEMPT_SECONDS, and nobody knows beforehand. But a receiver that answers does so within
PROMPT_FOR. So the limit is on attempts within their first PROMPT_FOR, and there is one for each health of a lane:
prompt the last time, never attempted, or in trouble (failed or slow). An attempt that lingers gives up its place and
goes on. Therefore,

- for each health, a place is free again after PROMPT_FOR at the latest, whatever the receivers do. Prompt lanes wait
  neither for troubled nor for new ones.
- threads never run out: lingering attempts use a place once per PROMPT_FOR, so there are at most PLACES times
  ATTEMPT_SECONDS / PROMPT_FOR of them. Threads are made as they are needed; mostly there are a few.
- attempts at receivers that hang start so seldom, one a second, that they cost next to nothing. Each such lane asks for
  a place every five minutes (see `rest`), so there are enough places for hundreds of them.

Besides, the concurrent attempts per account and per host are limited, so that neither a customer with many receivers
nor a host with many customers takes all the places.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from dayfile.model.lane import PROMPT_FOR, LaneHealth, Turn
from dayfile.model.notice import ATTEMPT_SECONDS
from dayfile.store.lanes import Eligible

IN_FLIGHT_PER_ACCOUNT = 2
IN_FLIGHT_PER_HOST = 4

PLACES: Mapping[LaneHealth, int] = {LaneHealth.PROMPT: 12, LaneHealth.NEW: 4, LaneHealth.TROUBLED: 2}
"""Limit of attempts in their first PROMPT_FOR, by the health of their lane."""

THREADS = math.ceil(sum(PLACES.values()) * (ATTEMPT_SECONDS / PROMPT_FOR.total_seconds() + 1))
"""Upper bound of busy threads: one for each place, and those of the lingering attempts that had it before."""


@dataclass(frozen=True, slots=True)
class _UnderWay:
    turn: Turn
    since: float


class Bulkhead:
    """The attempts that are running. `at` is monotonic seconds. Not thread-safe."""

    def __init__(self) -> None:
        self._under_way: dict[int, _UnderWay] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    def enter(self, turn: Turn, *, at: float) -> None:
        """Count an attempt that begins, the first of its turn or a later one."""
        self._under_way[turn.lane_id] = _UnderWay(turn, at)

    def leave(self, turn: Turn) -> None:
        """Stop counting a turn, which has ended."""
        del self._under_way[turn.lane_id]

    def free(self, health: LaneHealth, *, at: float) -> int:
        """Return the number of free places for lanes of this health."""
        taken = [
            one
            for one in self._under_way.values()
            if one.turn.health is health and at - one.since < PROMPT_FOR.total_seconds()
        ]
        return max(PLACES[health] - len(taken), 0)

    def eligible(self, health: LaneHealth, *, at: float) -> Eligible | None:
        """Return a filter for the lanes of this health that may begin an attempt; None if no place is free."""
        if not self.free(health, at=at):
            return None
        keys = [one.turn.key for one in self._under_way.values()]
        accounts, hosts = Counter(key.account for key in keys), Counter(key.host for key in keys)
        return Eligible(
            health=health,
            not_accounts=[account for account, count in accounts.items() if count >= IN_FLIGHT_PER_ACCOUNT],
            not_hosts=[host for host, count in hosts.items() if count >= IN_FLIGHT_PER_HOST],
        )
