"""Batches that wait for their commit: completely read, and not counting yet."""

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
    """The content of one commit, all or nothing, before the receipt may be given."""

    receipt: Receipt
    resource_type: ResourceType
    source: str  # rejections are filed under it
    days: tuple[DayLines, ...]  # still in memory: shares its segments with other batches
    parts: tuple[Part, ...]  # of a batch that was too large for memory: already written, and `days` is empty
    refusals: tuple[Refusal, ...]  # with their lines; empty if they are already written
    stored: StoredReceipt | None  # the answer to the idempotency key
    retried: tuple[int, ...]  # rejections that are accepted with it
    refused_upload: int | None = None  # the ledger entry under which its refused lines are written, if they are many

    @property
    def waiting_bytes(self) -> int:
        """The approximate number of bytes of memory that it takes while it waits."""
        return sum(day.plain_bytes for day in self.days) + sum(refusal.bytes for refusal in self.refusals)
