"""Day files that are values only: published days, of which there are no bytes."""

from __future__ import annotations

from datetime import timedelta

from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.export import DayFile, SealedDay
from dayfile.model.resource import MESSAGES, ResourceType
from tests.support.clock import NOON


def a_day_file(
    account: AccountSid, day: Day, *, resource_type: ResourceType = MESSAGES, sealed: SealedDay | None = None
) -> DayFile:
    """A day that was published at noon for a week; without a sealed day, one that has no records."""
    return DayFile(
        account=account,
        resource_type=resource_type,
        day=day,
        friendly_name="x",
        created_at=NOON,
        generation=1,
        sealed=sealed,
        expires_at=NOON + timedelta(days=7),
    )
