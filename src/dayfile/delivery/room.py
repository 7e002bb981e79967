"""How many attempts are under way, and which lanes may still begin one: why a slow receiver delays nobody else.

An attempt takes up to ATTEMPT_SECONDS, and nobody knows beforehand. But a receiver that answers does so within
PROMPT_FOR, so what is bounded is how many attempts are in that first while of theirs, by what is known of their lanes:
those that answered soon the last time, those never asked, those that failed or took long. An attempt that lingers gives
its place to the next one and goes on; so

- in each of the three, a place is free again after PROMPT_FOR at the latest, whatever the receivers do. Prompt ones do
  not wait for those in trouble at all, nor for unknown ones.
- threads are never short: a place is used once in PROMPT_FOR by attempts that linger, so there are at most PLACES times
  ATTEMPT_SECONDS / PROMPT_FOR of them. Threads are made as they are needed; mostly there are a few.
- those that hang are begun so seldom, one a second, that they cost next to nothing. Each of them asks for a place every
  five minutes (see `rest`), so there is enough of that for hundreds.

Beside that, an account and a host have a few attempts under way at most, so that neither a customer with many receivers
nor a host with many customers has all the places.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from dayfile.model.lane import PROMPT_FOR, Standing, Turn
from dayfile.model.notice import ATTEMPT_SECONDS
from dayfile.store.lanes import Eligible

IN_FLIGHT_PER_ACCOUNT = 2
IN_FLIGHT_PER_HOST = 4

PLACES: Mapping[Standing, int] = {Standing.PROMPT: 12, Standing.NEW: 4, Standing.TROUBLED: 2}
"""How many attempts of lanes of a standing may be in their first PROMPT_FOR."""

THREADS = math.ceil(sum(PLACES.values()) * (ATTEMPT_SECONDS / PROMPT_FOR.total_seconds() + 1))
"""More than this are never at work: each place, and all that lingers of those who had it before."""


@dataclass(frozen=True, slots=True)
class _UnderWay:
    turn: Turn
    since: float


class Room:
    """The attempts that are under way. `at` is a monotonic count of seconds. Not safe between threads by itself."""

    def __init__(self) -> None:
        self._under_way: dict[int, _UnderWay] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    def enter(self, turn: Turn, *, at: float) -> None:
        """An attempt begins, the first of a turn or its next."""
        self._under_way[turn.lane_id] = _UnderWay(turn, at)

    def leave(self, turn: Turn) -> None:
        """A turn has ended."""
        del self._under_way[turn.lane_id]

    def free(self, standing: Standing, *, at: float) -> int:
        """How many places are free for lanes of a standing."""
        taken = [
            one
            for one in self._under_way.values()
            if one.turn.standing is standing and at - one.since < PROMPT_FOR.total_seconds()
        ]
        return max(PLACES[standing] - len(taken), 0)

    def eligible(self, standing: Standing, *, at: float) -> Eligible | None:
        """Which lanes of a standing may begin an attempt; None while no place is free."""
        if not self.free(standing, at=at):
            return None
        keys = [one.turn.key for one in self._under_way.values()]
        accounts, hosts = Counter(key.account for key in keys), Counter(key.host for key in keys)
        return Eligible(
            standing=standing,
            not_accounts=[account for account, count in accounts.items() if count >= IN_FLIGHT_PER_ACCOUNT],
            not_hosts=[host for host, count in hosts.items() if count >= IN_FLIGHT_PER_HOST],
        )
