"""How many attempts are under way, and which lanes may still join: why a slow receiver delays nobody else.

A thread is held by one attempt, at most ATTEMPT_SECONDS, or by a few quick ones. What could fill all threads is many
slow receivers at once, so three bounds hold, in every process by itself:

- An account and a host have at most IN_FLIGHT_PER_ACCOUNT and IN_FLIGHT_PER_HOST attempts under way.
- Lanes whose last attempt failed or took long hold at most half of the threads. Those that hang cost each
  15 of every 315 seconds at most (see `rest`), so half of the threads is enough for well over a hundred of them; more
  are asked less often, and nobody else waits for them.
- With those that were never asked, they hold at most three quarters. A lane is new once: whoever wants to fill these
  threads with hanging receivers needs as many accounts as there are threads left over, and a new host for each attempt.

The last quarter is always there for those who answered soon the last time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from dayfile.model.lane import Standing, Turn
from dayfile.store.lanes import Eligible

THREADS = 16
IN_FLIGHT_PER_ACCOUNT = 2
IN_FLIGHT_PER_HOST = 4

CEILINGS: Mapping[Standing, int] = {
    Standing.TROUBLED: THREADS // 2,
    Standing.NEW: THREADS * 3 // 4,
    Standing.PROMPT: THREADS,
}
"""How many threads those of a standing and of all worse ones may hold together; the worst comes first."""


class Room:
    """The turns that are under way. Not safe between threads by itself."""

    def __init__(self) -> None:
        self._turns: dict[int, Turn] = {}

    def __len__(self) -> int:
        return len(self._turns)

    def enter(self, turn: Turn) -> None:
        """A turn has begun, or goes on with another notice."""
        self._turns[turn.lane_id] = turn

    def leave(self, turn: Turn) -> None:
        """A turn has ended."""
        del self._turns[turn.lane_id]

    def eligible(self) -> Eligible | None:
        """Which lanes may join; None while there is no room for any."""
        standings = self._standings()
        if not standings:
            return None
        turns = self._turns.values()
        accounts = Counter(turn.key.account for turn in turns)
        hosts = Counter(turn.key.host for turn in turns)
        return Eligible(
            standings=standings,
            not_accounts=[account for account, count in accounts.items() if count >= IN_FLIGHT_PER_ACCOUNT],
            not_hosts=[host for host, count in hosts.items() if count >= IN_FLIGHT_PER_HOST],
        )

    def _standings(self) -> list[Standing]:
        count = Counter(turn.standing for turn in self._turns.values())
        worse_or_equal, free = 0, []
        for standing, ceiling in CEILINGS.items():
            worse_or_equal += count[standing]
            free.append((standing, worse_or_equal < ceiling))
        # A lane counts under its own ceiling and under all that are above it.
        return [standing for at, (standing, _) in enumerate(free) if all(is_free for _, is_free in free[at:])]
