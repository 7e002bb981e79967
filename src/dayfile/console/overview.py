"""The first page of the console: for each type, its daily export, the last month, and what waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.routing import Route

from dayfile.console.sheets import show
from dayfile.console.visit import CustomerRoutes, Page, Visit
from dayfile.model.credential import Permission
from dayfile.model.day import Day, DayRange
from dayfile.model.export import ExportConfiguration
from dayfile.model.resource import RESOURCE_TYPES, ResourceType
from dayfile.store.transaction import Transaction

_SECTION: Final = "Overview"
_DAYS: Final = 30
_HEIGHT: Final = 72  # of the highest bar
_WIDTH: Final = 10  # of a bar with its gap


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One day of a chart."""

    day: Day
    records: int
    x: int
    height: int

    @property
    def y(self) -> int:
        """Top of the bar."""
        return _HEIGHT - self.height


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeOverview:
    """One type of records of an account."""

    resource_type: ResourceType
    configuration: ExportConfiguration
    last_sealed: Day | None  # with records, in the time of the chart
    bars: tuple[Bar, ...]
    waiting: tuple[Day, ...]  # that may have records which are not sealed yet
    published: int  # days with a file, in the same time
    unfinished_jobs: int

    @property
    def records(self) -> int:
        """Records in all days of the chart."""
        return sum(bar.records for bar in self.bars)

    @property
    def most(self) -> int:
        """Records of the day with most of them."""
        return max(bar.records for bar in self.bars)


def overview_routes(routes: CustomerRoutes) -> list[Route]:
    """Return the route of the first page."""
    return [routes.look("", Permission.EXPORTS_READ, _overview)]


def _overview(visit: Visit) -> Page:
    today = Day.of(visit.now)
    days = DayRange(first=today - _DAYS, last=today - 1)
    with visit.instance.database.snapshot() as tx:
        found = _types_overview(tx, visit, days)
    return show(
        visit,
        "overview.html",
        section=_SECTION,
        found=found,
        days=days,
        today=today,
        left=visit.instance.custom_jobs.quota_left(visit.account.root),
        may_configure=visit.may(Permission.CONFIGURATION_WRITE),
        may_create=visit.may(Permission.JOBS_WRITE),
        chart=(_DAYS * _WIDTH, _HEIGHT),
    )


def _types_overview(tx: Transaction, visit: Visit, days: DayRange) -> list[TypeOverview]:
    """Return all types, by as many queries as one would take."""
    account = visit.account.sid
    records = tx.sealed_days.records_by_type(account, days)
    configurations = tx.configurations.of_account(account)
    waiting = tx.segments.days_waiting_by_type(account, accepted_by=visit.now)
    published = tx.day_files.count_by_type(account, days, now=visit.now)
    unfinished_jobs = tx.jobs.unfinished_by_type(account)
    return [
        TypeOverview(
            resource_type=kind,
            configuration=configurations.get(kind.name) or ExportConfiguration.initial(account, kind),
            last_sealed=max(records.get(kind.name, {}), default=None),
            bars=_bars(records.get(kind.name, {}), days),
            waiting=tuple(sorted(waiting.get(kind.name, ()))),
            published=published.get(kind.name, 0),
            unfinished_jobs=unfinished_jobs.get(kind.name, 0),
        )
        for kind in RESOURCE_TYPES
    ]


def _bars(records: Mapping[Day, int], days: DayRange) -> tuple[Bar, ...]:
    most = max(records.values(), default=0)
    return tuple(_bar(day, number, records.get(day, 0), most=most) for number, day in enumerate(days))


def _bar(day: Day, number: int, records: int, *, most: int) -> Bar:
    # A day with records is never as low as one without.
    height = max(2, _HEIGHT * records // most) if records else 1
    return Bar(day=day, records=records, x=number * _WIDTH, height=height)
