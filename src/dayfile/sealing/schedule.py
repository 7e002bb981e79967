"""The schedule of sealing: the days that are due. Reads only; the claim decides which worker seals a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from dayfile.model.day import Day, DayRange, sealed_from
from dayfile.model.resource import RESOURCE_TYPES, ResourceType
from dayfile.store.segments import WaitingDay
from dayfile.store.transaction import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class SealingRule:
    """The waiting times after which a day is sealed, or sealed again."""

    grace: timedelta  # after the day's end, for stragglers
    quiet: timedelta  # without another late record, before a sealed day is sealed again
    limit: timedelta  # after the first late record, at which it is sealed anyway

    def is_due_late(self, waiting: WaitingDay, *, now: datetime) -> bool:
        """Return True if the late records of a day have waited long enough."""
        is_over = sealed_from(waiting.day, grace=self.grace) <= now
        is_quiet = waiting.last_accepted_at + self.quiet <= now
        return is_over and (is_quiet or waiting.first_accepted_at + self.limit <= now)


def due_days(tx: Transaction, rule: SealingRule, *, now: datetime) -> list[tuple[ResourceType, Day]]:
    """Return the days to seal now: those due for their first seal, oldest first, then those due again.

    The latter have late records, or a damage that is resolved.

    A day that was never opened here (older than the installation) has no due time of its own: its records, imported
    from an archive, count as late ones.
    """
    held = set(tx.seals.running(now=now))
    first = [
        (resource_type, day)
        for resource_type, day in tx.seals.still_open(before=Day.of(now))
        if sealed_from(day, grace=rule.grace) <= now
    ]
    late = [
        (waiting.resource_type, waiting.day)
        for waiting in tx.segments.waiting()
        if rule.is_due_late(waiting, now=now) and not tx.seals.is_open(waiting.resource_type, waiting.day)
    ]
    return [due for due in dict.fromkeys(first + late + tx.damages.days_to_settle()) if due not in held]


def days_with_records_due(tx: Transaction, rule: SealingRule, *, now: datetime) -> list[tuple[ResourceType, Day]]:
    """Return the days to seal under a clock that is not trusted: due days that have records, oldest first.

    Sealing them makes files of the records and leaves the days open, so records that come later wait as late ones do.
    """
    held = set(tx.seals.running(now=now))
    waiting = sorted(tx.segments.waiting(), key=lambda one: (one.day, one.resource_type.name))
    due = [
        (one.resource_type, one.day)
        for one in waiting
        if rule.is_due_late(one, now=now) or _is_first(tx, one, rule, now=now)
    ]
    return [one for one in dict.fromkeys(due + tx.damages.days_to_settle()) if one not in held]


def _is_first(tx: Transaction, waiting: WaitingDay, rule: SealingRule, *, now: datetime) -> bool:
    """Return True if the day is due and has never been sealed."""
    kind, day = waiting.resource_type, waiting.day
    is_over = sealed_from(day, grace=rule.grace) <= now
    return is_over and tx.seals.is_open(kind, day) and not tx.seals.has_committed(kind, day)


def missing_days(tx: Transaction, *, now: datetime) -> list[tuple[ResourceType, Day]]:
    """Return the days up to today that have no row yet. For a resource type that is new here, that is today alone."""
    today = Day.of(now)
    newest = tx.seals.newest_days()
    return [
        (resource_type, day)
        for resource_type in RESOURCE_TYPES
        for day in DayRange(first=newest[resource_type.name] + 1 if resource_type.name in newest else today, last=today)
    ]
