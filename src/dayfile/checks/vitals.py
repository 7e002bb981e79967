"""Vital signs of an instance: whether what it promises is being done, beyond whether it answers.

For the operator and for this machine only: they name folders and hosts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from itertools import chain
from pathlib import Path
from typing import Any, Final

from dayfile.checks.clock_state import clock_state
from dayfile.checks.overdue import Overdue
from dayfile.clock import Clock
from dayfile.delivery.mail_folder import UnsentLetters
from dayfile.files.space import Space, spaces_of
from dayfile.model.seen_worker import GONE_AFTER, SeenWorker
from dayfile.store.database import Database

LOW_SHARE: Final = 0.10
LOW_BYTES: Final = 50 * 10**9
"""A disk is low when less than both is free: a tenth of a large one lasts for long."""

FAILING_FOR: Final = timedelta(minutes=15)
"""Age of a notice that fails from which on it is no passing trouble."""

SCARCE_SHARE: Final = 0.03
SCARCE_BYTES: Final = 10 * 10**9
"""A disk is nearly full when less than both is free."""


class Level(IntEnum):
    """Severity of a sign."""

    OK = 0
    WARNING = 1  # the operator should look at it
    BAD = 2  # what was promised is not done, or soon will not be


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """One vital sign, in words and in figures."""

    name: str
    level: Level
    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)  # as JSON has them

    @property
    def status(self) -> str:
        """The level in a word, for programs."""
        return _STATUSES[self.level]


_STATUSES: Final = {Level.OK: "ok", Level.WARNING: "warning", Level.BAD: "bad"}


class Vitals:
    """The vital signs of one instance, looked up when they are asked for."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        overdue: Overdue,
        unsent_letters: UnsentLetters,
        folders: Sequence[Path],
    ) -> None:
        self._database = database
        self._clock = clock
        self._overdue = overdue
        self._unsent_letters = unsent_letters
        self._folders = folders

    def signs(self) -> list[Sign]:
        """Return all signs; raises Transient when the state database is away."""
        return [
            self._workers(),
            self._work(),
            self.space(),
            self._notices(),
            self._letters(),
            self._clock_sign(),
            self._damages(),
        ]

    def space(self) -> Sign:
        """Return the free space, which needs no database."""
        try:
            spaces = spaces_of(self._folders)
        except OSError as error:
            return Sign(name="space", level=Level.BAD, text=f"cannot be looked up: {error.strerror}")
        least = min(spaces, key=lambda space: space.free_share)
        facts = {
            "disks": [_disk(space) for space in spaces],
            "low_below": {"percent": round(100 * LOW_SHARE), "bytes": LOW_BYTES},
            "nearly_full_below": {"percent": round(100 * SCARCE_SHARE), "bytes": SCARCE_BYTES},
        }
        return Sign(name="space", level=max(map(_level_of, spaces)), text=_space_text(least), facts=facts)

    def _workers(self) -> Sign:
        now = self._clock.now()
        with self._database.snapshot() as tx:
            workers = tx.workers.all()
        running = [worker for worker in workers if worker.is_running(now)]
        facts = {
            "running": len(running),
            "gone_after_seconds": GONE_AFTER // timedelta(seconds=1),
            "seen": [_worker(worker, now) for worker in workers],
        }
        if running:
            versions = {worker.version for worker in running}
            text = f"{len(running)} running" + (f", of versions {', '.join(sorted(versions))}" * (len(versions) > 1))
            return Sign(name="workers", level=Level.OK, text=text, facts=facts)
        seen = f", last seen {workers[0].seen_at:%Y-%m-%d %H:%M:%S} UTC" if workers else ""
        text = (
            f"none running{seen}: nothing is sealed, exported or sent. Start `dayfile work`, or `serve` with a worker"
        )
        return Sign(name="workers", level=Level.WARNING, text=text, facts=facts)

    def _work(self) -> Sign:
        with self._database.snapshot() as tx:
            is_doubted = clock_state(tx.clock_marks.find(), self._clock.reading()).advice is not None
        if is_doubted:
            return Sign(name="work", level=Level.WARNING, text="what is overdue is not known under a doubted clock")
        late = Counter(finding.invariant for finding in chain(self._overdue.hanging(), self._overdue.find()))
        facts = {"overdue": late.total(), "broken": dict(late)}
        if not late:
            return Sign(name="work", level=Level.OK, text="nothing is overdue", facts=facts)
        text = f"{late.total():,} overdue: see `dayfile check`"
        return Sign(name="work", level=Level.BAD, text=text, facts=facts)

    def _notices(self) -> Sign:
        now = self._clock.now()
        with self._database.snapshot() as tx:
            failing = tx.lanes.failing()
        notices, lanes = sum(one.notices for one in failing), sum(one.lanes for one in failing)
        facts = {"failing": notices, "receivers": lanes}
        if not failing:
            return Sign(name="notices", level=Level.OK, text="none fails", facts=facts)
        since = min(one.since for one in failing)
        text = f"{notices:,} {'fails' if notices == 1 else 'fail'}, since {since:%Y-%m-%d %H:%M} UTC"
        # One receiver that is down is its owner's trouble. Where most are, the way out of here is blocked.
        blocked = [one.channel.value for one in failing if one.are_most and now - one.since >= FAILING_FOR]
        if not blocked:
            return Sign(name="notices", level=Level.OK, text=f"{text}: most others arrive", facts=facts)
        text += f", and few others arrive by {' or '.join(blocked)}: see `dayfile notices list --state pending`"
        return Sign(name="notices", level=Level.WARNING, text=text, facts=facts)

    def _letters(self) -> Sign:
        count = self._unsent_letters.count()
        facts = {"unsent": count}
        if not count:
            return Sign(name="letters", level=Level.OK, text="none lies unsent", facts=facts)
        text = f"{count:,} unsent in the mail folder, as no mail server was set: see `dayfile check`"
        return Sign(name="letters", level=Level.WARNING, text=text, facts=facts)

    def _clock_sign(self) -> Sign:
        with self._database.snapshot() as tx:
            advice = clock_state(tx.clock_marks.find(), self._clock.reading()).advice
        return Sign(name="clock", level=Level.BAD if advice else Level.OK, text=advice or "trusted")

    def _damages(self) -> Sign:
        with self._database.snapshot() as tx:
            count = tx.damages.count()
        text = f"{count:,} damaged: see `dayfile damage list`" if count else "none is known to be damaged"
        return Sign(name="objects", level=Level.BAD if count else Level.OK, text=text, facts={"damaged": count})


def _worker(worker: SeenWorker, now: datetime) -> Mapping[str, object]:
    return {
        "name": worker.name,
        "version": worker.version,
        "is_running": worker.is_running(now),
        "date_started": f"{worker.started_at:%Y-%m-%dT%H:%M:%SZ}",
        "date_last_seen": f"{worker.seen_at:%Y-%m-%dT%H:%M:%SZ}",
    }


def _disk(space: Space) -> Mapping[str, object]:
    return {
        "folder": str(space.folder),
        "free_bytes": space.free_bytes,
        "total_bytes": space.total_bytes,
        "free_percent": round(100 * space.free_share, 1),
        "free_files": space.free_files,
    }


def _level_of(space: Space) -> Level:
    # A file system that runs out of files is full, however many bytes it has.
    has_files = space.free_files is None or not space.total_files or space.free_files / space.total_files >= LOW_SHARE
    if space.free_share < SCARCE_SHARE and (space.free_bytes < SCARCE_BYTES or not has_files):
        return Level.BAD
    if space.free_share < LOW_SHARE and (space.free_bytes < LOW_BYTES or not has_files):
        return Level.WARNING
    return Level.OK


def _space_text(space: Space) -> str:
    free, total = (_size(size) for size in (space.free_bytes, space.total_bytes))
    text = f"{free} of {total} free ({100 * space.free_share:.0f} %)"
    words = {Level.OK: "", Level.WARNING: "low: ", Level.BAD: "nearly full: "}
    level = _level_of(space)
    return f"{words[level]}{text}" + (f" in {space.folder}" if level else "")


def _size(size_bytes: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size_bytes < 1000:  # noqa: PLR2004 - a decimal unit
            return f"{size_bytes:.0f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.1f} TB"
