"""A batch as it waits for its commit: everything sorted out, nothing of it counts yet."""

from __future__ import annotations

from dataclasses import dataclass

from dayfile.intake.sorting import DayLines
from dayfile.model.receipt import Receipt, Refusal
from dayfile.model.resource import ResourceType
from dayfile.model.segment import NewSegment
from dayfile.store.receipts import StoredReceipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A segment that is ready to be committed: inline, or an object that is pending in the ledger."""

    segment: NewSegment
    upload_id: int | None  # None: inline


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """What one commit has to make true, all or nothing, before the receipt may be given."""

    receipt: Receipt
    resource_type: ResourceType
    source: str  # what its rejections are filed under
    days: tuple[DayLines, ...]  # still in memory: shares its segments with other batches
    parts: tuple[Part, ...]  # of a batch that was too large for memory: written already, nothing is in `days`
    refusals: tuple[Refusal, ...]  # with their lines; none, when they are written already
    stored: StoredReceipt | None  # what an idempotency key will be answered with
    retried: tuple[int, ...]  # rejections that are accepted with it
    refused_upload: int | None = None  # the entry under which its refused lines are written, when they are many

    @property
    def waiting_bytes(self) -> int:
        """The memory that it takes while it waits, about."""
        return sum(day.plain_bytes for day in self.days) + sum(refusal.bytes for refusal in self.refusals)
