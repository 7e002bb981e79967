"""Retries of refused lines: on the operator's demand, or when the account that they waited for appears.

Lines accepted now leave the rejections in the commit that makes them count; lines refused again stay as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from itertools import groupby

from dayfile.intake.batch import Batch
from dayfile.intake.batch_reader import BatchReader
from dayfile.intake.gate import Gate
from dayfile.intake.lines import Lines
from dayfile.model.account import AccountSid
from dayfile.model.receipt import ALL_REJECTIONS, Receipt, Rejection, RejectionFilter
from dayfile.model.resource import ResourceType, parse_resource_type
from dayfile.model.strictjson import BYTE_ORDER_MARK
from dayfile.store.database import Database

_AT_ONCE = 50  # their lines may have a mebibyte each


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """The number of retried rejections that are accepted now, and of those that are still refused."""

    accepted: int
    rejected: int


class Retries:
    """The retries of rejections, with a receipt's promise: lines that are counted as accepted are durable."""

    def __init__(
        self,
        database: Database,
        gate: Callable[[], Gate],
        reader: BatchReader,
        *,
        commit: Callable[[Batch], Future[Receipt]],
    ) -> None:
        self._database = database
        self._gate = gate
        self._reader = reader
        self._commit = commit

    def retry(self, rejection_ids: Collection[int]) -> Retried:
        """Retry the given rejections; raises NotFound for an unknown id, Transient if they cannot be written now."""
        ids = sorted(rejection_ids)
        outcomes = []
        for start in range(0, len(ids), _AT_ONCE):
            with self._database.snapshot() as tx:
                rejections = [tx.rejections.get(rejection_id) for rejection_id in ids[start : start + _AT_ONCE]]
            outcomes.append(self._retry(rejections))
        return _sum(outcomes)

    def retry_following(
        self, after: int, *, up_to: int, matching: RejectionFilter = ALL_REJECTIONS
    ) -> tuple[int, Retried]:
        """Retry some of the rejections that match after one id, up to another, whatever they are by now.

        Returns the id of the last one that was retried, or `after` if none is left, and the counts. Raises Transient if
        they cannot be written now.
        """
        with self._database.snapshot() as tx:
            found = tx.rejections.listed(after_id=after, matching=matching, limit=_AT_ONCE)
        rejections = [rejection for rejection in found if rejection.id <= up_to]
        return rejections[-1].id if rejections else after, self._retry(rejections)

    def retry_of_account(self, account: AccountSid) -> Retried:
        """Retry some of the rejections that waited for the account; counts of 0 mean that none are left.

        Raises Transient if they cannot be written now.
        """
        with self._database.snapshot() as tx:
            rejections = tx.rejections.listed(matching=RejectionFilter(account=account), limit=_AT_ONCE)
        return self._retry(rejections)

    def _retry(self, rejections: Iterable[Rejection]) -> Retried:
        by_type = sorted(rejections, key=_type_name)  # stable: within a type, older lines stay first
        return _sum(
            self._retry_type(parse_resource_type(name), list(group)) for name, group in groupby(by_type, key=_type_name)
        )

    def _retry_type(self, resource_type: ResourceType, rejections: Collection[Rejection]) -> Retried:
        # Numbered by their ids: so those that are refused again are known. Nobody else can take a mark off a kept line.
        lines = Lines(
            [rejection.id for rejection in rejections],
            [rejection.refusal.line.removeprefix(BYTE_ORDER_MARK) for rejection in rejections],
        )
        batch = self._reader.read_kept(lines, resource_type, self._gate())
        refused = {refusal.line_number for refusal in batch.refusals}
        accepted = tuple(rejection.id for rejection in rejections if rejection.id not in refused)
        no_longer_waiting = [refusal for refusal in batch.refusals if refusal.account is None]
        if no_longer_waiting:
            with self._database.transaction() as tx:
                # The account exists, and something else is wrong: these are not retried automatically any more.
                tx.rejections.revise(no_longer_waiting)
        if accepted:  # last: no failure may hide that these are accepted
            self._commit(replace(batch, refusals=(), retried=accepted)).result()
        return Retried(accepted=len(accepted), rejected=len(refused))


def _type_name(rejection: Rejection) -> str:
    return rejection.resource_type


def _sum(outcomes: Iterable[Retried]) -> Retried:
    outcomes = list(outcomes)
    return Retried(
        accepted=sum(outcome.accepted for outcome in outcomes),
        rejected=sum(outcome.rejected for outcome in outcomes),
    )
