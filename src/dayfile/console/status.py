"""The status of an instance: the verdict on its condition, figures, recent jobs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from markupsafe import Markup, escape

from dayfile.checks.condition import Condition
from dayfile.checks.vitals import Level
from dayfile.console.instance import Instance
from dayfile.model.damage import Damage
from dayfile.model.job import Job, JobDay, Status, group_by_status
from dayfile.store.transaction import Transaction

_RECENT_JOBS = 10
_SHOWN_DAMAGES = 20
_COUNTED_FOR: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The one line on the whole instance; `level` is good, warn or bad, as the page's style has them."""

    text: str
    level: str


_VERDICTS: Final = {
    Level.OK: Verdict(text="Ready", level="good"),
    Level.WARNING: Verdict(text="Ready, with a warning", level="warn"),
    Level.BAD: Verdict(text="Ready, but something is wrong", level="bad"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Counts over all accounts."""

    accounts: int
    waiting_records: int
    waiting_segments: int
    oldest_waiting: datetime | None
    sealed_days: int  # of a resource type each
    sealed_files: int
    unfinished_jobs: int
    rejections: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownDamages:
    """Damaged objects: how many, and those that were found first."""

    count: int
    first: tuple[Damage, ...]

    @property
    def more(self) -> int:
        """The number of those that are not shown."""
        return self.count - len(self.first)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownJob:
    """A job and its days, for its progress."""

    job: Job
    days: tuple[JobDay, ...]
    account_name: str = ""  # where jobs of several accounts are shown

    @property
    def finished(self) -> int:
        """Number of finished days."""
        return sum(day.status.is_final for day in self.days)

    @property
    def percent(self) -> int:
        """Percentage of finished days, rounded down."""
        return 100 * self.finished // max(1, len(self.days))

    @property
    def summary(self) -> str:
        """Counts of the days by status, in words."""
        return ", ".join(f"{len(group.days)} {STATUS_WORDS[group.status]}" for group in group_by_status(self.days))

    @property
    def has_failed(self) -> bool:
        """True if a day of the job has failed for good."""
        return any(day.status is Status.FAILED for day in self.days)


STATUS_WORDS: Final = {
    Status.SUBMITTED: "waiting",
    Status.RUNNING: "running",
    Status.ERROR_DURING_RUN: "to be tried again",
    Status.COMPLETED: "completed",
    Status.COMPLETED_EMPTY_RECORDS: "empty",
    Status.FAILED: "failed",
    Status.RUNNING_TO_BE_DELETED: "being deleted",
    Status.DELETED_BY_USER_REQUEST: "deleted",
}
"""The status of a day of a job, in words."""


def verdict_of(condition: Condition) -> Verdict:
    """Return the verdict on an instance, as far as the visitor may see its vital signs."""
    return _VERDICTS[condition.level] if condition.is_ready else Verdict(text="Not ready", level="bad")


def damages_of(instance: Instance) -> ShownDamages:
    """Return the damages that are not settled."""
    with instance.database.snapshot() as tx:
        return ShownDamages(count=tx.damages.count(), first=tuple(tx.damages.page(limit=_SHOWN_DAMAGES)))


class FileCount:
    """The number of sealed files, which is read from all of their rows: counted once a minute, however often asked."""

    def __init__(self) -> None:
        self._found: tuple[datetime, int] | None = None

    def read(self, tx: Transaction, *, now: datetime) -> int:
        """Return the number, as it was at most a minute ago."""
        found = self._found
        if found is None or not timedelta(0) <= now - found[0] < _COUNTED_FOR:
            found = self._found = (now, tx.sealed_days.count())
        return found[1]


def figures_of(instance: Instance, files: FileCount) -> Figures:
    """Return the counts, all from one snapshot of the database but that of the files."""
    with instance.database.snapshot() as tx:
        waiting = tx.segments.waiting()
        return Figures(
            accounts=tx.accounts.count(),
            waiting_records=sum(day.records for day in waiting),
            waiting_segments=sum(day.segments for day in waiting),
            oldest_waiting=min((day.first_accepted_at for day in waiting), default=None),
            sealed_days=tx.seals.count(),
            sealed_files=files.read(tx, now=instance.clock.now()),
            unfinished_jobs=tx.jobs.unfinished(),
            rejections=tx.rejections.count(),
        )


def recent_jobs_of(instance: Instance) -> list[ShownJob]:
    """Return the last submitted jobs of all accounts, with their days."""
    with instance.database.snapshot() as tx:
        jobs = tx.jobs.recent(limit=_RECENT_JOBS)
        days = tx.jobs.days([job.sid for job in jobs])
        accounts = tx.accounts.known({job.account for job in jobs})
    names = {sid: stored.account.friendly_name for sid, stored in accounts.items()}
    return [ShownJob(job=job, days=days[job.sid], account_name=names.get(job.account, "")) for job in jobs]


def code_marked(text: str) -> Markup:
    """Return a text for HTML, with what stands between backticks as code."""
    plain, *rest = (escape(part) for part in text.split("`"))
    return plain + Markup().join(
        Markup("<code>{}</code>").format(part) if number % 2 == 0 else part for number, part in enumerate(rest)
    )
