"""A finding of a check."""

from __future__ import annotations

from dataclasses import dataclass

from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.resource import ResourceType


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A broken invariant: its name, the subject, and a detail that says what to do."""

    invariant: str
    subject: str
    detail: str
    account: AccountSid | None = None  # if it concerns one account
    resource_type: ResourceType | None = None  # if it concerns one resource type
    day: Day | None = None  # if it concerns one day
