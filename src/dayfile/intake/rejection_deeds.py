"""An operator's deeds on rejections: they are tried again, or dropped for good.

Each is noted in the audit log, and done in steps so small that others can write in between.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Final

from dayfile.clock import Clock
from dayfile.model.credential import Actor
from dayfile.model.receipt import ALL_REJECTIONS, RejectionFilter
from dayfile.store.database import Database
from dayfile.store.transaction import Transaction

if TYPE_CHECKING:  # commands that only drop do without the pipeline, which loads slowly
    from dayfile.intake.pipeline import Intake
    from dayfile.intake.retry import Retried

DROPPED: Final = "rejections.dropped"
RETRIED: Final = "rejections.retried"
"""Actions of these entries in the audit log; that of a retry precedes it: what is accepted then is gone from here."""

_NAMED: Final = 100  # numbers in one entry of the audit log


class RejectionDeeds:
    """The retry and the dropping of rejections, by one actor."""

    def __init__(self, database: Database, *, clock: Clock, actor: Actor) -> None:
        self._database = database
        self._clock = clock
        self._actor = actor

    def retry(self, numbers: Collection[int], *, intake: Intake) -> Retried:
        """Try the given rejections again; raises NotFound for an unknown one, Transient if they cannot be written."""
        self._note_retry(_numbers_text(numbers))
        return intake.retry(numbers)

    def retry_all(self, matching: RejectionFilter, *, up_to: int, intake: Intake) -> Iterator[Retried]:
        """Try those again that match, up to a number; yield what came of each step. Raises Transient."""
        self._note_retry("all" if matching == ALL_REJECTIONS else "those that match")
        after = 0
        while True:
            last, tried = intake.retry_following(after, up_to=up_to, matching=matching)
            if last == after:
                return
            after = last
            yield tried

    def drop(self, numbers: Collection[int]) -> int:
        """Drop the given rejections for good, and return how many; raises NotFound for an unknown one."""
        with self._database.transaction() as tx:
            for number in numbers:
                tx.rejections.get(number)
            dropped = tx.rejections.drop(numbers)
            self._note(tx, DROPPED, _numbers_text(numbers))
        return dropped

    def drop_all(self, matching: RejectionFilter, *, up_to: int) -> Iterator[int]:
        """Drop those for good that match, up to a number; yield how many each step has dropped."""
        after = 0
        while True:
            with self._database.transaction() as tx:
                some = tx.rejections.next_ids(after=after, up_to=up_to, matching=matching)
                if not some:
                    return
                dropped = tx.rejections.drop(some)
                self._note(tx, DROPPED, f"{some[0]}..{some[-1]}, {len(some)} of them")
            after = some[-1]
            yield dropped

    def _note_retry(self, which: str) -> None:
        with self._database.transaction() as tx:
            self._note(tx, RETRIED, which)

    def _note(self, tx: Transaction, action: str, which: str) -> None:
        tx.audit.add(actor=self._actor, action=action, subject=f"rejections/{which}", now=self._clock.now())


def _numbers_text(numbers: Collection[int]) -> str:
    shown = ",".join(str(number) for number in list(numbers)[:_NAMED])
    return shown if len(numbers) <= _NAMED else f"{shown} and {len(numbers) - _NAMED:,} more"
