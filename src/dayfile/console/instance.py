"""The instance as the pages see it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from dayfile.accounts.administer import Administration
from dayfile.checks.vitals import Vitals
from dayfile.clock import Clock
from dayfile.delivery.replay import Replay
from dayfile.delivery.ssrf import Destinations
from dayfile.delivery.trial import WebhookTrial
from dayfile.exports.configuration import Configuring
from dayfile.exports.custom import CustomJobs
from dayfile.exports.given import GivenLinks
from dayfile.intake.pipeline import Intake
from dayfile.objects.storage_probe import StorageProbe
from dayfile.store.database import Database
from dayfile.web.audience import Reception
from dayfile.web.day_link import LinkSource

if TYPE_CHECKING:
    from dayfile.sealing.repairs import Repairs


class Instance(Reception, Protocol):
    """The parts of an instance that the page uses. It changes nothing but sessions."""

    @property
    def database(self) -> Database:
        """The state database."""
        ...

    @property
    def storage_probe(self) -> StorageProbe:
        """The probe of the object storage."""
        ...

    @property
    def clock(self) -> Clock:
        """The time."""
        ...

    @property
    def vitals(self) -> Vitals:
        """The vital signs: workers, overdue work, free space, and what else an operator has to look at."""
        ...


class CustomerInstance(Instance, LinkSource, Protocol):
    """The parts of an instance that the pages of customers use: the stages that the API uses, and no others."""

    @property
    def custom_jobs(self) -> CustomJobs:
        """The stage of jobs."""
        ...

    @property
    def configuring(self) -> Configuring:
        """The stage of configurations."""
        ...

    @property
    def given_links(self) -> GivenLinks:
        """The audit entries of what is disclosed."""
        ...

    @property
    def replay(self) -> Replay:
        """The replay of notices."""
        ...

    @property
    def webhook_trial(self) -> WebhookTrial:
        """The trials of webhooks."""
        ...

    @property
    def destinations(self) -> Destinations:
        """The rules for where webhooks may go."""
        ...

    @property
    def job_lifetime(self) -> timedelta:
        """The time for which a job is shown after it is over."""
        ...

    @property
    def file_lifetime(self) -> timedelta:
        """The time for which a published day is on the list."""
        ...


class OperatorInstance(Instance, Protocol):
    """The parts of an instance that the pages of the operator use."""

    @property
    def administration(self) -> Administration:
        """The stage of accounts and keys."""
        ...

    @property
    def intake(self) -> Intake:
        """The stage of records, for rejections that are tried again."""
        ...

    @property
    def repairs(self) -> Callable[[], Repairs]:
        """The stage of damaged objects, made when first asked for."""
        ...
