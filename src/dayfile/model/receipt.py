"""Answers to the sender of records: receipts for batches, rejections for lines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from dayfile.model.account import AccountSid
from dayfile.model.resource import ResourceType

LISTED_REJECTIONS = 1000
"""The most rejections that a receipt names; all of them are kept."""

RECEIPT_LIFETIME = timedelta(hours=24)
"""The time for which an idempotency key is remembered."""

KEPT_LINE_BYTES = 1024 * 1024
"""The most bytes of a refused line that are kept, to be looked at and tried again."""

_REFUSAL_BYTES = 200  # what a refusal takes beside its line


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One line that was not accepted: its number, the reason, and the line itself."""

    line_number: int  # counted from 1, empty lines included; of a JSON array, the element's number
    field: str | None
    reason: str
    line: bytes
    account: AccountSid | None  # set when all that is wrong is that this account does not exist (yet)

    @property
    def bytes(self) -> int:
        """The approximate number of bytes that it takes when it is kept."""
        return len(self.line) + _REFUSAL_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A refusal as it is kept, until it is dropped or accepted on a later try."""

    id: int
    resource_type: str
    source: str  # the file's name or the receipt's sid
    rejected_at: datetime
    refusal: Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectionFilter:
    """Conditions on rejections, all of which a matching one meets. Without any, all match."""

    resource_type: ResourceType | None = None
    account: AccountSid | None = None  # they wait for it
    source: str | None = None
    reason: str | None = None  # a part of `field: reason`, in upper or lower case


ALL_REJECTIONS = RejectionFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectionGroup:
    """Rejections of one resource type with the same reason, the same source, or both."""

    resource_type: str
    field: str | None
    reason: str | None  # without the value that was given; None where groups go by source alone
    source: str | None  # None where groups go by reason alone
    count: int
    first_id: int
    last_id: int
    last_rejected_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The answer to one batch: what was accepted and what was not. It exists only once everything in it is durable."""

    sid: str  # RC + 32 hex
    accepted: int
    rejected: int
    refusals: tuple[Refusal, ...]  # the first LISTED_REJECTIONS of them, without the lines' contents

    @property
    def is_refused(self) -> bool:
        """True if there were lines and none of them was accepted."""
        return self.rejected > 0 and self.accepted == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReceipt:
    """The answer to a request, and what identifies the request."""

    sid: str
    credential: str
    idempotency_key: str
    body_sha256: str
    answer: str  # JSON


def without_value(reason: str) -> str:
    """Return a refusal's reason without the value that was given: receipts end up in the logs of senders."""
    return reason.partition("; got ")[0]
