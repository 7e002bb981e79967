"""Pages of files: the calendar of a type, one day with its manifest and revisions, its first records, and downloads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route

from dayfile.console.account_days import STATES, ShownDay, account_days, marks_of
from dayfile.console.archive import archive, archive_name
from dayfile.console.calendar import months_of
from dayfile.console.file_rows import file_rows
from dayfile.console.paths import NO_STORE
from dayfile.console.records import SHOWN_RECORDS, columns_of, first_records, rows_of, usual_columns
from dayfile.console.sheets import show
from dayfile.console.visit import CustomerRoutes, Page, Visit
from dayfile.errors import Invalid, NotFound
from dayfile.exports.account_days import AccountDay
from dayfile.exports.given import RECORDS_SHOWN
from dayfile.model.credential import Permission
from dayfile.model.day import FIRST_DAY, Day, DayRange, last_custom_day, stretches
from dayfile.model.export import DayFile
from dayfile.model.resource import RESOURCE_TYPES, ResourceType, parse_resource_type
from dayfile.objects.file_reader import FileReader
from dayfile.store.transaction import Transaction
from dayfile.web.day_link import check_published, make_day_link
from dayfile.web.file_answer import FileAnswer

_SECTION: Final = "Files"
_MOST_DAYS: Final = 366  # on one page, which must stay small
_ROWS: Final = 15
_STRETCHES: Final = 3  # that are offered for a job, the last ones
_MOST_FILES: Final = 366  # in one archive


def file_routes(routes: CustomerRoutes) -> list[Route]:
    """Return the routes of the pages of files."""
    return [
        routes.look("/files", Permission.EXPORTS_READ, _calendar),
        routes.give("/files/zip", Permission.DOWNLOADS_READ, _archive),
        routes.look("/files/{type}/{day}", Permission.EXPORTS_READ, _day),
        routes.give("/files/{type}/{day}/download", Permission.DOWNLOADS_READ, _download),
        routes.give("/files/{type}/{day}/records", Permission.DOWNLOADS_READ, _records),
    ]


def _calendar(visit: Visit) -> Page:
    kind, problem = parse_resource_type(visit.asked("type", RESOURCE_TYPES[0].name)), ""
    try:
        days = _range(visit)
    except Invalid as invalid:
        days, problem = _usual_range(visit), str(invalid)
    with visit.instance.database.snapshot() as tx:
        found = account_days(tx, visit, kind, days)
        with_file = [one for one in reversed(found) if one.published is not None]
        page = _page_number(visit, most=max(0, len(with_file) - 1) // _ROWS + 1)
        rows = _rows(tx, visit, kind, with_file[(page - 1) * _ROWS : page * _ROWS])
    published = [one.published for one in with_file if one.published is not None]
    missing = [one.day for one in found if one.state.is_worth_a_job]
    return show(
        visit,
        "files.html",
        section=_SECTION,
        status=400 if problem else 200,
        problem=problem,
        types=RESOURCE_TYPES,
        kind=kind,
        days=days,
        typed=(visit.asked("from", str(days.first)), visit.asked("to", str(days.last))),
        others=_others(days, today=Day.of(visit.now)),
        months=months_of(marks_of(found, kind)),
        states=[(state.value, told) for state, told in STATES.items()],
        rows=rows,
        count=len(published),
        records=sum(one.records for one in published),
        size_bytes=sum(one.size_bytes for one in published),
        stretches=stretches(missing)[: -_STRETCHES - 1 : -1],
        missing_count=len(missing),
        page=page,
        has_more=len(with_file) > page * _ROWS,
        query=urlencode({"type": kind.name, "from": str(days.first), "to": str(days.last)}),
        may_download=visit.may(Permission.DOWNLOADS_READ),
    )


def _others(days: DayRange, *, today: Day) -> list[tuple[str, DayRange]]:
    """Return as many days before a range and after it, by names, as far as there can be any."""
    others = []  # the calendar ends somewhere, too: no day is counted from there
    if days.first > FIRST_DAY:
        end = min(today + 1, days.first)
        others.append(("Earlier days", DayRange(first=max(FIRST_DAY, end - len(days)), last=end - 1)))
    if days.last < today:
        others.append(("Later days", DayRange(first=days.last + 1, last=min(today, days.last + len(days)))))
    return others


def _rows(tx: Transaction, visit: Visit, kind: ResourceType, chosen: Sequence[AccountDay]) -> Markup:
    """Return the rows of days with files, in their order."""
    if not chosen:
        return Markup()
    days = DayRange(first=chosen[-1].day, last=chosen[0].day)
    details = tx.day_files.details(visit.account.sid, kind, days, now=visit.now)
    return file_rows(chosen, details, kind, may_download=visit.may(Permission.DOWNLOADS_READ))


def _day(visit: Visit) -> Page:
    one = _asked_day(visit)
    with visit.instance.database.snapshot() as tx:
        former = tx.sealed_days.former(visit.account.sid, one.resource_type, one.day)
    return show(
        visit,
        "day.html",
        section=_SECTION,
        one=one,
        told=STATES[one.state],
        former=former,
        shown_records=SHOWN_RECORDS,
        oldest=FIRST_DAY,
        is_worth_a_job=one.state.is_worth_a_job,
        may_be_asked_for=FIRST_DAY <= one.day <= last_custom_day(visit.now),
        may_download=visit.may(Permission.DOWNLOADS_READ),
        public_url=visit.instance.public_url,
    )


def _download(visit: Visit) -> Page:
    """Lead to a fresh link to the file of a day, noted as each link is."""
    day_file = _published(visit)
    visit.instance.given_links.record(day_file, actor=visit.actor, now=visit.now)
    given = make_day_link(visit.instance, day_file, now=visit.now)
    return RedirectResponse(given.address, status_code=307, headers=NO_STORE)


def _records(visit: Visit) -> Page:
    """Show the first records of a file, noted as a disclosure."""
    day_file = _published(visit)
    kind = day_file.resource_type
    known = columns_of(kind)
    chosen = [name for name in visit.request.query_params.getlist("column") if name in known] or usual_columns(kind)
    visit.instance.given_links.record_all([(day_file, visit.actor)], now=visit.now, action=RECORDS_SHOWN)
    found = first_records(_reader(visit), day_file.sealed) if day_file.sealed else []
    return show(
        visit,
        "records.html",
        section=_SECTION,
        kind=kind,
        day=day_file.day,
        count=day_file.sealed.records if day_file.sealed else 0,
        columns=known,
        chosen=chosen,
        rows=rows_of(found, chosen),
    )


def _archive(visit: Visit) -> Page:
    """Send several files as one archive; each is noted as a link is, before the first byte."""
    kind = parse_resource_type(visit.asked("type"))
    files = _chosen_files(visit, kind)
    visit.instance.given_links.record_all([(one, visit.actor) for one in files], now=visit.now)
    reader = _reader(visit)
    blocks = archive(files, lambda sealed: reader.blocks(sealed, start=0, stop=sealed.size_bytes))
    name = archive_name(visit.account.sid, kind, files)
    headers = {
        **NO_STORE,
        "Content-Type": "application/zip",
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    return FileAnswer(blocks, status=200, headers=Headers(headers).raw)


def _chosen_files(visit: Visit, kind: ResourceType) -> list[DayFile]:
    chosen = [Day.parse(text) for text in visit.request.query_params.getlist("day")]
    days = DayRange(first=min(chosen), last=max(chosen)) if chosen else _range(visit)
    with visit.instance.database.snapshot() as tx:
        found = tx.day_files.of_days(visit.account.sid, kind, days, now=visit.now)
    files = [check_published(found.get(day), kind, day) for day in sorted(set(chosen) or found)]
    if not files:
        raise NotFound(f"no file of {kind} from {days.first} to {days.last} is published: create a job for these days")
    if len(files) > _MOST_FILES:
        raise Invalid(f"An archive has at most {_MOST_FILES} files, and these are {len(files)}: choose fewer days")
    return files


def _asked_day(visit: Visit) -> ShownDay:
    kind, day = _kind_and_day(visit.request)
    with visit.instance.database.snapshot() as tx:
        [one] = account_days(tx, visit, kind, DayRange(first=day, last=day))
        file = tx.day_files.find(visit.account.sid, kind, day, now=visit.now)
    return ShownDay(resource_type=kind, of=one, file=file)


def _published(visit: Visit) -> DayFile:
    kind, day = _kind_and_day(visit.request)
    with visit.instance.database.snapshot() as tx:
        found = tx.day_files.find(visit.account.sid, kind, day, now=visit.now)
    return check_published(found, kind, day)


def _kind_and_day(request: Request) -> tuple[ResourceType, Day]:
    return parse_resource_type(request.path_params["type"]), Day.parse(request.path_params["day"])


def _reader(visit: Visit) -> FileReader:
    return FileReader(visit.instance.database, visit.instance.storage, clock=visit.instance.clock)


def _range(visit: Visit) -> DayRange:
    """Return the days that a query asks for; raises Invalid for a range that is none, or too long."""
    usual = _usual_range(visit)
    first, last = visit.asked("from"), visit.asked("to")
    days = DayRange(
        first=Day.parse(first, name="The first day") if first else usual.first,
        last=Day.parse(last, name="The last day") if last else usual.last,
    )
    if len(days) == 0:
        raise Invalid(f"The first day, {days.first}, must not be after the last day, {days.last}")
    if len(days) > _MOST_DAYS:
        raise Invalid(f"A page shows at most {_MOST_DAYS} days, and these are {len(days)}: choose a shorter range")
    return days


def _usual_range(visit: Visit) -> DayRange:
    """Return this month and the two before."""
    today = Day.of(visit.now)
    first = date(today.date.year, today.date.month, 1)
    for _ in range(2):
        first = (first - timedelta(days=1)).replace(day=1)
    return DayRange(first=Day(first), last=today)


def _page_number(visit: Visit, *, most: int) -> int:
    text = visit.asked("page", "1")
    return min(most, max(1, int(text))) if text.isascii() and text.isdecimal() and len(text) <= 4 else 1  # noqa: PLR2004 - digits
