"""Replacements for parts of an instance that the settings do not choose: for tests, and for a demo of yesterday."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from dayfile.exports.daily import ACCOUNTS_PER_COMMIT
from dayfile.files.storage import Storage
from dayfile.model.job import RetryRule
from dayfile.model.notice import Channel
from dayfile.model.secret import Randomness
from dayfile.objects.sweep import LOOK_AGAIN_AFTER, STALE_AFTER
from dayfile.store.database import Database
from dayfile.work.engine import CUT_BYTES, cores

if TYPE_CHECKING:
    from dayfile.clock import Clock
    from dayfile.delivery.ssrf import Resolver
    from dayfile.delivery.transport import Transport
    from dayfile.intake.compaction import CompactionRule
    from dayfile.spans import Spans
    from dayfile.work.cluster import Cluster

T = TypeVar("T")


def _unchanged(real: T) -> T:
    return real


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits and delays of the stages that are no settings."""

    compaction: CompactionRule | None = None  # None: the rule of `intake/compaction.py`
    retry: RetryRule = field(default_factory=RetryRule)
    stale_after: timedelta = STALE_AFTER
    look_again_after: timedelta = LOOK_AGAIN_AFTER
    accounts_per_commit: int = ACCOUNTS_PER_COMMIT
    seal_threads: int = field(default_factory=cores)
    cut_bytes: int = CUT_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """Replacements for the real parts of one process. Without any, every part is the real one."""

    clock: Clock | None = None  # None: that of this machine or, on PostgreSQL, of the database server
    randomness: Randomness | None = None  # None: that of the operating system
    database: Callable[[Database], Database] = _unchanged  # called with the one that the settings name
    storage: Callable[[Storage], Storage] = _unchanged
    resolver: Resolver | None = None  # None: that of the operating system
    transports: Mapping[Channel, Transport] | None = None  # None: HTTP, and the relay or the mail folder
    engine: Executor | None = None  # for the pieces of seals; None: a thread of this process
    cluster: Cluster | None = None  # for heavy work; None: the one that the settings name, if they do
    attempts: Executor | None = None  # for attempts to deliver; None: threads of this process
    spans: Spans | None = None  # None: those that the environment asks for
    limits: Limits = field(default_factory=Limits)
