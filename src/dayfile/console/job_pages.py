"""Pages of jobs: the list, the form of a new one, its progress, and its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from dayfile.console.account_days import days_path
from dayfile.console.calendar import Mark, months_of
from dayfile.console.paths import CONSOLE_PATH, NO_STORE, lead_to
from dayfile.console.sheets import show
from dayfile.console.status import STATUS_WORDS, ShownJob
from dayfile.console.visit import CustomerRoutes, Page, Visit
from dayfile.console.words import place_text
from dayfile.errors import Invalid, NotFound
from dayfile.model.credential import Permission
from dayfile.model.day import FIRST_DAY, Day, DayRange, last_custom_day, stretches
from dayfile.model.day_state import DayState
from dayfile.model.job import Job, JobDay, Status, parse_job_sid
from dayfile.model.resource import RESOURCE_TYPES, parse_resource_type
from dayfile.web.export_forms import LONGEST_NAME, parse_job_request
from dayfile.web.params import check_receiver
from dayfile.web.queue_places import QueuePlaces

_SECTION: Final = "Jobs"
_ROWS: Final = 25
_MOST_DAYS: Final = 366  # in the calendar of a job, which must stay small; without a quota a job may have thousands
_AGAIN: Final = 5  # stretches of failed days that are offered one by one
_FILES: Final[Mapping[Status, DayState]] = {
    Status.COMPLETED: DayState.FILE,
    Status.COMPLETED_EMPTY_RECORDS: DayState.EMPTY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A range of days that many ask for."""

    name: str
    days: DayRange


def job_routes(routes: CustomerRoutes) -> list[Route]:
    """Return the routes of the pages of jobs."""
    return [
        routes.look("/jobs", Permission.EXPORTS_READ, _list),
        routes.look("/jobs/new", Permission.JOBS_WRITE, _new),
        routes.act("/jobs/new", Permission.JOBS_WRITE, _create),
        routes.look("/jobs/{sid}", Permission.EXPORTS_READ, _job),
        routes.act("/jobs/{sid}/cancel", Permission.JOBS_WRITE, _cancel),
    ]


def presets(newest: Day) -> list[Preset]:
    """Return the ranges that are offered, as far as a job may ask for them by now; empty ones are left out."""
    today = newest + 2
    monday = today - today.date.weekday() - 7
    first_of_month = Day(today.date.replace(day=1))
    last_month = DayRange(first=Day((first_of_month - 1).date.replace(day=1)), last=first_of_month - 1)
    offered = (
        ("Newest day", DayRange(first=newest, last=newest)),
        ("Last week", DayRange(first=monday, last=monday + 6)),
        ("Last month", last_month),
        ("This year", DayRange(first=Day(date(today.date.year, 1, 1)), last=newest)),
    )
    cut = (Preset(name=name, days=DayRange(first=days.first, last=min(days.last, newest))) for name, days in offered)
    return [preset for preset in cut if len(preset.days)]


def _list(visit: Visit) -> Page:
    kind = parse_resource_type(visit.asked("type", RESOURCE_TYPES[0].name))
    before = visit.asked_number("before")
    over_since = visit.now - visit.instance.job_lifetime
    with visit.instance.database.snapshot() as tx:
        jobs = tx.jobs.page(visit.account.sid, kind, before=before, limit=_ROWS, over_since=over_since)
        days = tx.jobs.days([job.sid for job in jobs])
        places = QueuePlaces.of(jobs, tx, now=visit.now)
    return show(
        visit,
        "jobs.html",
        section=_SECTION,
        types=RESOURCE_TYPES,
        kind=kind,
        jobs=[ShownJob(job=job, days=days[job.sid]) for job in jobs],
        positions={job.sid: places.place(job).position for job in jobs},
        is_live=any(job.over_at is None for job in jobs),
        before=before,
        last=jobs[-1].submit_number if len(jobs) == _ROWS else None,
        lifetime=visit.instance.job_lifetime.days,
        may_create=visit.may(Permission.JOBS_WRITE),
    )


def _new(visit: Visit) -> Page:
    again = visit.asked("again")
    if again:
        job, _ = _find(visit, again)
        given = {
            "ResourceType": job.resource_type.name,
            "StartDay": visit.asked("start", str(job.days.first)),
            "EndDay": visit.asked("end", str(job.days.last)),
            "FriendlyName": job.friendly_name,
            "WebhookUrl": job.webhook_url or "",
            "WebhookMethod": job.webhook_method or "",
            "Email": job.email or "",
        }
        return _form(visit, given)
    newest = str(last_custom_day(visit.now))
    start, end = visit.asked("start", newest), visit.asked("end", newest)
    name = visit.asked("name") or (start if start == end else f"{start} to {min(end, newest)}")
    given = {"ResourceType": visit.asked("type"), "StartDay": start, "EndDay": min(end, newest), "FriendlyName": name}
    return _form(visit, given)


def _form(visit: Visit, given: Mapping[str, str], *, problem: str = "") -> Page:
    newest, left = last_custom_day(visit.now), visit.instance.custom_jobs.quota_left(visit.account.root)
    return show(
        visit,
        "new_job.html",
        section=_SECTION,
        status=400 if problem else 200,
        problem=problem,
        types=RESOURCE_TYPES,
        given=given,
        presets=presets(newest),
        oldest=FIRST_DAY,
        newest=newest,
        left=left,
        longest_name=LONGEST_NAME,
        file_days=visit.instance.file_lifetime.days,
    )


def _create(visit: Visit) -> Page:
    """Put a job into the queue by the stage of the API, or show the form again with the rule that it breaks."""
    try:
        kind = parse_resource_type(visit.form.get("ResourceType", ""))
        # Without a URL its method says nothing: a form always sends one.
        form = {
            name: value for name, value in visit.form.items() if name != "WebhookMethod" or visit.form.get("WebhookUrl")
        }
        asked = parse_job_request(form, visit.account, kind, now=visit.now)
        check_receiver(asked.webhook_url, visit.instance.destinations)
        job = visit.instance.custom_jobs.submit(asked, actor=visit.actor)
    except (Invalid, NotFound) as wrong:
        return _form(visit, visit.form, problem=str(wrong))
    return lead_to(f"{CONSOLE_PATH}/jobs/{job.sid}")


def _job(visit: Visit) -> Page:
    try:
        job, days = _find(visit, visit.request.path_params["sid"])
    except NotFound:
        if "hx-request" in visit.request.headers:  # it was cancelled while somebody watched it
            return Response(headers={**NO_STORE, "HX-Redirect": f"{CONSOLE_PATH}/jobs"})
        raise
    with visit.instance.database.snapshot() as tx:
        place = QueuePlaces.of([job], tx, now=visit.now).place(job)
    of_day = {one.day: one for one in days}
    counts = Counter(one.status for one in days)
    failed = [one for one in days if one.status is Status.FAILED]
    shown = DayRange(first=max(job.days.first, job.days.last - (_MOST_DAYS - 1)), last=job.days.last)
    return show(
        visit,
        "job.html",
        section=_SECTION,
        shown=ShownJob(job=job, days=days),
        job=job,
        place=place_text(place, now=visit.now),
        shown_days=shown,
        months=months_of((day, _mark(job, of_day.get(day))) for day in shown),
        states=[(status.value, _told(status, count)) for status in Status if (count := counts[status])],
        failed=failed,
        again=stretches(one.day for one in failed),
        retried=[one for one in days if one.status is Status.ERROR_DURING_RUN],
        most_again=_AGAIN,
        has_files=any(status in _FILES for status in counts),
        may_write=visit.may(Permission.JOBS_WRITE),
        may_download=visit.may(Permission.DOWNLOADS_READ),
    )


def _cancel(visit: Visit) -> Page:
    sid = parse_job_sid(visit.request.path_params["sid"])
    job, _ = _find(visit, sid)
    visit.instance.custom_jobs.delete(visit.account.sid, sid, actor=visit.actor)
    return lead_to(f"{CONSOLE_PATH}/jobs?type={job.resource_type}")


def _find(visit: Visit, text: str) -> tuple[Job, tuple[JobDay, ...]]:
    """Return a job of the account and its days; raises NotFound."""
    sid = parse_job_sid(text)
    with visit.instance.database.snapshot() as tx:
        job = tx.jobs.find(visit.account.sid, sid, over_since=visit.now - visit.instance.job_lifetime)
        if job is None:
            raise NotFound(f"there is no job {sid}")
        return job, tx.jobs.days([sid])[sid]


def _mark(job: Job, one: JobDay | None) -> Mark:
    if one is None:
        return Mark(css="ahead", told="not in this job")
    above = days_path(job.resource_type) if one.status in _FILES else None
    return Mark(css=one.status.value, told=STATUS_WORDS[one.status], above=above)


def _told(status: Status, count: int) -> str:
    return f"{count:,} {STATUS_WORDS[status]}"
