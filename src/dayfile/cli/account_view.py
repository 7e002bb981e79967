"""One account's jobs and days as its server shows them, read on the instance: for the operator, without credentials.

It gives what the customer sees, and why days of a job failed, which only the operator is told. No file, and no link.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import typer

from dayfile.cli import instance
from dayfile.cli.options import read_account
from dayfile.cli.remote import server_at
from dayfile.errors import NotFound
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.job import group_by_status, parse_job_sid
from dayfile.model.resource import RESOURCE_TYPES, ResourceType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dayfile.cli.terminal import Screen
    from dayfile.client.answers import RemoteConfiguration, RemoteDay, RemoteJob, RemoteManifest
    from dayfile.client.client import Client
    from dayfile.model.export import ListedDay
    from dayfile.model.job import Job, JobDay
    from dayfile.service import Service

_PAGE: Final = 100

AccountOption = Annotated[
    AccountSid | None,
    typer.Option(
        "--account",
        metavar="ACCOUNT",
        help="For the operator: read this account (AC…) on the instance. Needs no URL and no token.",
        parser=read_account,
        show_default=False,
    ),
]


@contextmanager
def seen_by(
    screen: Screen, operator_for: AccountSid | None, *, login: tuple[str | None, str | None, str | None]
) -> Iterator[Client | AccountView]:
    """Open what shows an account: its server over HTTP, or the instance where the operator names the account.

    Raises NotFound if there is no such account on the instance.
    """
    if operator_for is None:
        with server_at(*login) as server:
            yield server
        return
    with instance.opened(screen, to_read=True) as service:
        yield AccountView(service, operator_for)


def types_of(chosen: Sequence[ResourceType] | None) -> Sequence[ResourceType]:
    """Return the types that a list is asked for: those that are named, or all where none is."""
    return chosen or RESOURCE_TYPES


@dataclass(frozen=True, slots=True, kw_only=True)
class DayError:
    """A day of a job whose last attempt failed, and why."""

    day: Day
    attempts: int
    error: str


class AccountView:
    """The account on an open instance; its methods give what those of `Client` do."""

    def __init__(self, service: Service, account: AccountSid) -> None:
        from dayfile.web.urls import Urls

        self._service = service
        self._account = account
        self._urls = Urls(service.settings.base_url)
        with service.database.snapshot() as tx:
            tx.accounts.get(account)

    def jobs(self, resource_type: ResourceType) -> Iterator[RemoteJob]:
        """Give all jobs on the list, newest first."""
        from dayfile.api.job_bodies import CustomJobBody
        from dayfile.client.answers import read_job
        from dayfile.web.queue_places import QueuePlaces

        now, before = self._service.clock.now(), None
        over_since = now - self._service.settings.job_lifetime
        while True:
            with self._service.database.snapshot() as tx:
                page = tx.listed_jobs.page(
                    self._account, resource_type, before=before, limit=_PAGE, over_since=over_since
                )
                places = QueuePlaces.of(page, tx, now=now)
            for job in page:
                yield read_job(CustomJobBody.of(job, resource_type, places.place(job)).members())
            if len(page) < _PAGE:
                return
            before = page[-1].submit_number

    def job(self, sid: str) -> RemoteJob:
        """Return the job as it stands; raises NotFound."""
        from dayfile.api.job_bodies import JobBody
        from dayfile.client.answers import read_job
        from dayfile.web.queue_places import QueuePlaces

        job, days = self._job(sid)
        with self._service.database.snapshot() as tx:
            place = QueuePlaces.of([job], tx, now=self._service.clock.now()).place(job)
        return read_job(JobBody.of(self._urls, job, group_by_status(days), place).members())

    def errors(self, sid: str) -> list[DayError]:
        """Return the days of a job whose last attempt failed, in order; raises NotFound."""
        return [
            DayError(day=day.day, attempts=day.attempt, error=day.error)
            for day in self._job(sid)[1]
            if day.error is not None
        ]

    def days(self, resource_type: ResourceType) -> Iterator[RemoteDay]:
        """Give all published days, in the order of their publication."""
        from dayfile.api.export_bodies import DayBody
        from dayfile.client.answers import read_day

        after: tuple[int, Day] | None = None
        while True:
            page = self._files(resource_type, after)
            for file in page:
                yield read_day(DayBody.of(file, resource_type).members())
            if len(page) < _PAGE:
                return
            after = page[-1].generation, page[-1].day

    def configuration(self, resource_type: ResourceType) -> RemoteConfiguration:
        """Return whether days of a resource type come by themselves, and who is told."""
        from dayfile.api.export_bodies import ExportConfigurationBody
        from dayfile.client.answers import read_configuration

        with self._service.database.snapshot() as tx:
            found = tx.configurations.get(self._account, resource_type)
        return read_configuration(ExportConfigurationBody.of(self._urls, found).members())

    def find_manifest(self, resource_type: ResourceType, day: Day) -> RemoteManifest | None:
        """Return the manifest of a published day, or None where it is not published."""
        from dayfile.api.export_bodies import ManifestBody
        from dayfile.client.answers import read_manifest

        with self._service.database.snapshot() as tx:
            file = tx.day_files.find(self._account, resource_type, day, now=self._service.clock.now())
        return None if file is None else read_manifest(ManifestBody.of(self._urls, file).members())

    def _job(self, text: str) -> tuple[Job, tuple[JobDay, ...]]:
        sid = parse_job_sid(text)
        over_since = self._service.clock.now() - self._service.settings.job_lifetime
        with self._service.database.snapshot() as tx:
            job = tx.jobs.find(self._account, sid, over_since=over_since)
            if job is None:
                raise NotFound(f"the account {self._account} has no job {sid}")
            return job, tx.jobs.days([sid])[sid]

    def _files(self, resource_type: ResourceType, after: tuple[int, Day] | None) -> list[ListedDay]:
        now = self._service.clock.now()
        with self._service.database.snapshot() as tx:
            return tx.day_files.page(self._account, resource_type, after=after, limit=_PAGE, now=now)
