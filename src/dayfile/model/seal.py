"""Seals of days: the right to make one, and one that was made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dayfile.model.day import Day
from dayfile.model.resource import ResourceType


@dataclass(frozen=True, slots=True, kw_only=True)
class SealClaim:
    """The right to seal one day, until the lease runs out. `id` is never given twice, so it guards every write."""

    id: int
    resource_type: ResourceType
    day: Day
    worker: str
    upload_id: int
    mark: str  # part of the key of every object that this seal writes


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSeal:
    """A day that a worker is sealing."""

    resource_type: ResourceType
    day: Day
    worker: str
    started_at: datetime
    leased_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSeal:
    """A seal as it is kept, for as long as one of its revisions is."""

    id: int
    resource_type: ResourceType
    day: Day
    mark: str | None  # None: it was made before seals had manifests
    is_committed: bool
    marker_key: str | None
    committed_at: datetime | None
