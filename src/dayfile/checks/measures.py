"""Measures of an instance: how much waits and for how long, as the state database has it at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from dayfile.model.day import Day
from dayfile.model.quantity import count_text, duration_text
from dayfile.model.resource import RESOURCE_TYPES
from dayfile.store.lanes import FailingLanes
from dayfile.store.packs import PackTotals
from dayfile.store.transaction import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Records of one resource type that are not sealed yet, held ones included."""

    records: int = 0
    size_bytes: int = 0
    segments: int = 0
    waits_for: timedelta = timedelta()  # the first of them
    day_is_over_for: timedelta = timedelta()  # the oldest day that was never sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """Everything that is counted in the state database, of one moment."""

    waiting: Mapping[str, Waiting]  # by the name of the resource type
    running_seals: int
    unfinished_jobs: int
    oldest_job_waits_for: timedelta
    pending_notices: int
    due_notice_waits_for: timedelta
    failing: tuple[FailingLanes, ...]
    failing_for: timedelta
    packs: PackTotals
    packs_to_rewrite: int
    damages: int
    running_workers: int


def waiting_texts(measures: Measures) -> dict[str, str]:
    """Return how much waits, in words, as `dayfile status` and the page have it."""
    waiting = measures.waiting.values()
    records, segments = sum(one.records for one in waiting), sum(one.segments for one in waiting)
    unsealed = f"{records:,} in {count_text(segments, 'segment')}"
    return {
        "records to be sealed": unsealed + _for(max((one.waits_for for one in waiting), default=timedelta())),
        "jobs in the queue": f"{measures.unfinished_jobs:,}" + _for(measures.oldest_job_waits_for),
        "notices to be told": f"{measures.pending_notices:,}" + _for(measures.due_notice_waits_for),
        "packs to rewrite": f"{measures.packs_to_rewrite:,} of {measures.packs.packs:,}",
    }


def _for(waits_for: timedelta) -> str:
    return f", the first for {duration_text(waits_for)}" if waits_for else ""


def measure(tx: Transaction, *, now: datetime) -> Measures:
    """Count what is in the state database."""
    failing = tuple(tx.lanes.failing())
    return Measures(
        waiting=_waiting(tx, now=now),
        running_seals=len(tx.seals.running(now=now)),
        unfinished_jobs=tx.jobs.unfinished(),
        oldest_job_waits_for=_since(tx.jobs.oldest_unfinished(), now=now),
        pending_notices=tx.notices.pending(),
        due_notice_waits_for=_since(tx.lanes.waiting_since(now=now), now=now),
        failing=failing,
        failing_for=_since(min((one.since for one in failing), default=None), now=now),
        packs=tx.packs.totals(),
        packs_to_rewrite=tx.packs.count_to_rewrite(now=now),
        damages=tx.damages.count(),
        running_workers=sum(worker.is_running(now) for worker in tx.workers.all()),
    )


def _waiting(tx: Transaction, *, now: datetime) -> dict[str, Waiting]:
    days = tx.segments.waiting(held=True)
    over: dict[str, Day] = {}
    for resource_type, day in tx.seals.still_open(before=Day.of(now)):
        over.setdefault(resource_type.name, day)  # the oldest comes first
    found = {}
    for name in (resource_type.name for resource_type in RESOURCE_TYPES):
        own = [day for day in days if day.resource_type.name == name]
        found[name] = Waiting(
            records=sum(day.records for day in own),
            size_bytes=sum(day.stored_bytes for day in own),
            segments=sum(day.segments for day in own),
            waits_for=_since(min((day.first_accepted_at for day in own), default=None), now=now),
            day_is_over_for=_since(over[name].end if name in over else None, now=now),
        )
    return found


def _since(moment: datetime | None, *, now: datetime) -> timedelta:
    return timedelta() if moment is None else max(timedelta(), now - moment)
