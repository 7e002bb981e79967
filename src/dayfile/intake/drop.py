"""Dropping of rejections for good, on the operator's word: some at a time, each time with its line in the audit log."""

from __future__ import annotations

from typing import Final

from dayfile.clock import Clock
from dayfile.model.credential import Actor
from dayfile.model.receipt import RejectionFilter
from dayfile.store.database import Database

DROPPED: Final = "rejections.dropped"
"""Action of these entries in the audit log."""

RETRIED: Final = "rejections.retried"
"""Action of the entry that precedes a retry: what is accepted then is gone from the list."""


class Drops:
    """The dropping of rejections, in commits so small that others can write in between."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def drop_following(self, after: int, *, up_to: int, matching: RejectionFilter, actor: Actor) -> tuple[int, int]:
        """Drop some of the rejections that match after one id, up to another, and note who did it.

        Returns the id of the last one that was dropped, or `after` if none is left, and their number.
        """
        with self._database.transaction() as tx:
            some = tx.rejections.next_ids(after=after, up_to=up_to, matching=matching)
            if not some:
                return after, 0
            dropped = tx.rejections.drop(some)
            subject = f"rejections/{some[0]}..{some[-1]}, {len(some)} of them"
            tx.audit.add(actor=actor, action=DROPPED, subject=subject, now=self._clock.now())
        return some[-1], dropped
