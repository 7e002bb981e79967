"""Sync of an archive: published days are downloaded, the others are asked for with jobs and downloaded then.

The only state is the files in the folder. A sync that was stopped anywhere is followed by another one, which asks for
no day that is in the folder or in a job that is running already.
"""

from __future__ import annotations

import fcntl
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from itertools import groupby
from pathlib import Path
from typing import Final, Protocol

from dayfile.client.download import Downloaded, Downloader, Progress
from dayfile.client.server import Server
from dayfile.errors import Corrupt, Invalid, NotFound, Transient
from dayfile.model.day import Day, DayRange
from dayfile.model.job import Status
from dayfile.model.resource import ResourceType

_FIRST_WAIT_SECONDS: Final = 0.1
_LONGEST_WAIT_SECONDS: Final = 10.0
_REFUSALS: Final = 3  # of single days, after which no more are asked for: a quota that is used up refuses all
_JOB_NAME: Final = "days sync"
_EMPTY: Final = Status.COMPLETED_EMPTY_RECORDS.value
_GOOD: Final = frozenset({Status.COMPLETED.value, _EMPTY})

_Place = tuple[ResourceType, Day]
_Asked = tuple[ResourceType, str]  # and the sid of a job


class State(Enum):
    """Outcome of one day."""

    HERE = "here"  # before this run
    DOWNLOADED = "downloaded"
    FAILED = "failed"  # its job ended without a file
    NOT_YET = "not yet"  # too new to be asked for
    REFUSED = "refused"  # the server takes no job for it, now


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncedDay:
    """One day of a resource type, with its outcome."""

    resource_type: ResourceType
    day: Day
    state: State
    file: Downloaded | None = None  # None unless it is in the folder now
    reason: str | None = None  # set if it is not


class Watcher(Protocol):
    """Callbacks for the progress of a sync."""

    def begins(self, what: str) -> Progress:
        """Note that a file is looked at or downloaded next; return the callback for its bytes."""

    def ends(self, synced: SyncedDay) -> None:
        """Note the outcome of one day."""

    def waits(self, jobs: int, days: int) -> None:
        """Note that so many jobs, with so many days, are waited for."""


class Silent:
    """A watcher that does nothing."""

    def begins(self, what: str) -> Progress:
        return lambda _amount, _total: None

    def ends(self, synced: SyncedDay) -> None:
        pass

    def waits(self, jobs: int, days: int) -> None:
        pass


class Sync:
    """Download of a range of days of one account to a folder, with the jobs that it takes."""

    def __init__(self, server: Server, downloader: Downloader, *, watcher: Watcher) -> None:
        self._server = server
        self._downloader = downloader
        self._watcher = watcher
        self._settled: list[SyncedDay] = []
        self._refusals = 0

    def run(self, resource_types: Sequence[ResourceType], days: DayRange) -> list[SyncedDay]:
        """Download all of these days; return the outcome of each, by type and day.

        Raises Transient if the server stays away, NotFound or Unauthorized for a login that does not exist.
        """
        waiting: deque[_Asked] = deque()
        left: set[_Place] = set()
        for resource_type in resource_types:
            missing = self._without_jobs(resource_type, days)
            waiting.extend(self._jobs_for(resource_type, missing))
            left.update((resource_type, day) for day in missing)
        left.difference_update((one.resource_type, one.day) for one in self._settled)
        self._follow(waiting, left)
        return sorted(self._settled, key=lambda one: (resource_types.index(one.resource_type), one.day))

    def _without_jobs(self, resource_type: ResourceType, days: DayRange) -> set[Day]:
        """Download the published days; return the days that need a job."""
        published = {found.day: found.size_bytes for found in self._server.days(resource_type) if found.day in days}
        brought = {day for day, size in sorted(published.items()) if self._bring(resource_type, day, size=size)}
        newest = self._server.newest_job_day()
        missing = set()
        for day in days:
            if day in brought:
                continue
            here = self._downloader.find(resource_type, day)
            if here is not None:
                self._settle(SyncedDay(resource_type=resource_type, day=day, state=State.HERE, file=here))
            elif newest is not None and day > newest:
                reason = f"too new: a job can ask for it from {day + 2} on, UTC"
                self._settle(SyncedDay(resource_type=resource_type, day=day, state=State.NOT_YET, reason=reason))
            else:
                missing.add(day)
        return missing

    def _jobs_for(self, resource_type: ResourceType, missing: set[Day]) -> Iterator[_Asked]:
        """Yield jobs for the missing days: running ones, then new ones. Refused days are settled."""
        covered: set[Day] = set()
        for listed in self._server.jobs(resource_type) if missing else ():
            if missing.intersection(listed.days):
                # Some servers leave out of the list how far a job is.
                job = listed if listed.counts else self._server.job(listed.sid)
                if not job.is_over:
                    covered.update(job.days)
                    yield resource_type, job.sid
        for asked in _ranges(missing - covered):
            yield from self._ask(resource_type, asked)

    def _ask(self, resource_type: ResourceType, days: DayRange) -> Iterator[_Asked]:
        """Ask for days, in smaller ranges if they are refused, so that a quota is used to its end."""
        if self._refusals >= _REFUSALS:
            self._refuse(resource_type, days, "not asked for, since the server refused the days before it")
            return
        try:
            job = self._server.create_job(resource_type, days.first, days.last, name=_JOB_NAME)
        except Invalid as error:
            if len(days) == 1:
                self._refusals += 1
                self._refuse(resource_type, days, str(error))
                return
        else:
            yield resource_type, job.sid
            return
        middle = days.first + (len(days) // 2 - 1)
        yield from self._ask(resource_type, DayRange(first=days.first, last=middle))
        yield from self._ask(resource_type, DayRange(first=middle + 1, last=days.last))

    def _refuse(self, resource_type: ResourceType, days: DayRange, reason: str) -> None:
        for day in days:
            self._settle(SyncedDay(resource_type=resource_type, day=day, state=State.REFUSED, reason=reason))

    def _follow(self, waiting: deque[_Asked], left: set[_Place]) -> None:
        """Wait for the jobs, and download each of their days as soon as it is published."""
        wait = _FIRST_WAIT_SECONDS
        while waiting and left:
            before = len(left)
            self._watcher.waits(len(waiting), len(left))
            for _ in range(len(waiting)):
                resource_type, sid = waiting.popleft()
                if not self._bring_finished(resource_type, sid, left):
                    waiting.append((resource_type, sid))
            # What moves is asked for again soon; what waits in a long queue costs the server little.
            wait = _FIRST_WAIT_SECONDS if len(left) < before else min(wait * 1.5, _LONGEST_WAIT_SECONDS)
            if waiting and left:
                self._server.wait(wait)
        for resource_type, day in left:
            self._fail(resource_type, day, "its job ended without a file")

    def _bring_finished(self, resource_type: ResourceType, sid: str, left: set[_Place]) -> bool:
        """Download the days of a job that have finished since the last look; return True if the job is over."""
        try:
            job = self._server.job(sid)
        except NotFound:  # somebody deleted it
            return True
        statuses = job.statuses or (dict.fromkeys(job.days, Status.COMPLETED.value) if job.is_over else {})
        for day, status in sorted(statuses.items()):
            if (resource_type, day) not in left or status not in _GOOD:
                continue
            if not self._bring(resource_type, day):
                if status != _EMPTY:
                    continue
                # Some servers have no file for a day without records: the archive has one, so that the day is known.
                file = self._downloader.put_empty(resource_type, day)
                self._settle(SyncedDay(resource_type=resource_type, day=day, state=State.DOWNLOADED, file=file))
            left.discard((resource_type, day))
        return job.is_over

    def _bring(self, resource_type: ResourceType, day: Day, *, size: int | None = None) -> bool:
        """Download a published day and settle it; return False if it is not published any more."""
        progress = self._watcher.begins(f"{resource_type} {day}")
        try:
            file = self._downloader.download(resource_type, day, progress=progress, listed_bytes=size)
        except NotFound:
            return False
        except Corrupt as error:
            self._fail(resource_type, day, str(error))
            return True
        state = State.HERE if file.was_here else State.DOWNLOADED
        self._settle(SyncedDay(resource_type=resource_type, day=day, state=state, file=file))
        return True

    def _fail(self, resource_type: ResourceType, day: Day, reason: str) -> None:
        self._settle(SyncedDay(resource_type=resource_type, day=day, state=State.FAILED, reason=reason))

    def _settle(self, synced: SyncedDay) -> None:
        self._settled.append(synced)
        self._watcher.ends(synced)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other syncs out of a folder during the block, without a file; raises Transient if one is running there."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise Transient(f"another sync is running in the folder {folder}: wait for its end, then sync again") from error
    try:
        yield
    finally:
        os.close(descriptor)


def _ranges(days: set[Day]) -> Iterator[DayRange]:
    """Yield the days as ranges without gaps, oldest first."""
    number: Callable[[tuple[int, Day]], int] = lambda item: item[1].date.toordinal() - item[0]  # noqa: E731
    for _, found in groupby(enumerate(sorted(days)), key=number):
        run = [day for _, day in found]
        yield DayRange(first=run[0], last=run[-1])
