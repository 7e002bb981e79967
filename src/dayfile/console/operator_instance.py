"""The operator's pages of the instance: who works and on what, notices that fail, the clock,
rejections by reason, and the audit log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import islice
from typing import Final

from starlette.routing import Route

from dayfile.checks.clock_state import clock_state
from dayfile.checks.measures import measure, waiting_texts
from dayfile.console.sheets import show
from dayfile.console.visit import OperatorRoutes, OperatorVisit, Page
from dayfile.errors import Invalid
from dayfile.intake.rejection_deeds import RejectionDeeds
from dayfile.model.credential import Scope
from dayfile.model.day import Day
from dayfile.model.quantity import count_text
from dayfile.model.receipt import RejectionFilter
from dayfile.model.resource import parse_resource_type
from dayfile.web.params import check_search

_ROWS: Final = 40
_GROUPS: Final = 20
_CLAIMS: Final = 20  # of each kind
_LANES: Final = 20
_STARTS: Final = 5
_STEPS: Final = 20  # of a retry or a drop in one answer: some thousand lines
_LOOKED_AT: Final = 200  # lines of the operator, for the last starts
_LONGEST: Final = 200  # characters of an actor or a subject


def instance_routes(routes: OperatorRoutes) -> list[Route]:
    """Return the routes of the operator's pages of the instance."""
    return [
        routes.look("/instance", None, _show),
        routes.act("/rejections/retry", Scope.INTAKE, _retry),
        routes.act("/rejections/drop", Scope.INTAKE, _drop),
        routes.look("/audit", Scope.ACCOUNTS, _audit),
    ]


def _show(visit: OperatorVisit, *, done: str = "", problem: str = "") -> Page:
    with visit.instance.database.snapshot() as tx:
        deeds = [line.deed for line in tx.audit.newest(actor="operator", limit=_LOOKED_AT)]
        held, failing = tx.job_days.held(limit=_CLAIMS), tx.lanes.failing_first(limit=_LANES)
        accounts = tx.accounts.known({one.account for one in held} | {one.key.account for one in failing})
        return show(
            visit,
            "operator/instance.html",
            section="Instance",
            status=400 if problem else 200,
            done=done,
            problem=problem,
            newest=tx.rejections.newest(),
            may_write=visit.may(Scope.INTAKE),
            workers=tx.workers.all(),
            seals=tx.seals.in_progress(limit=_CLAIMS),
            held=held,
            failing=failing,
            names={sid: stored.account.friendly_name for sid, stored in accounts.items()},
            runs=tx.daily_runs.unfinished(limit=_CLAIMS),
            waiting=waiting_texts(measure(tx, now=visit.now)),
            clock=clock_state(tx.clock_marks.find(), visit.instance.clock.reading()),
            rejections=tx.rejections.groups(by_reason=True, by_source=False, limit=_GROUPS),
            rejected=tx.rejections.count(),
            starts=[deed for deed in deeds if deed.action.endswith(".started")][:_STARTS],
        )


def _retry(visit: OperatorVisit) -> Page:
    """Try some thousand rejections with one reason again, and say what came of it."""
    matching, up_to = _chosen(visit)
    steps = _deeds(visit).retry_all(matching, up_to=up_to, intake=visit.instance.intake)
    tried = list(islice(steps, _STEPS))
    accepted, rejected = sum(one.accepted for one in tried), sum(one.rejected for one in tried)
    return _show(visit, done=f"{count_text(accepted, 'line')} accepted, {rejected:,} still rejected.")


def _drop(visit: OperatorVisit) -> Page:
    """Drop some thousand rejections with one reason for good."""
    if visit.form.get("for_good") != "yes":
        return _show(visit, problem="Dropping is for good: mark that you know it")
    matching, up_to = _chosen(visit)
    dropped = sum(islice(_deeds(visit).drop_all(matching, up_to=up_to), _STEPS))
    return _show(visit, done=f"{count_text(dropped, 'rejection')} dropped.")


def _deeds(visit: OperatorVisit) -> RejectionDeeds:
    return RejectionDeeds(visit.instance.database, clock=visit.instance.clock, actor=visit.actor)


def _chosen(visit: OperatorVisit) -> tuple[RejectionFilter, int]:
    """Return the rejections that a form chooses, by type and reason, and the newest that its page has counted."""
    reason, up_to = visit.form.get("reason", ""), visit.form.get("up_to", "")
    if not reason or not (up_to.isascii() and up_to.isdecimal() and len(up_to) < 19):  # noqa: PLR2004 - 64 bits
        raise Invalid("The form must name a reason and the newest rejection: load the page again")
    kind = parse_resource_type(visit.form.get("type", ""))
    return RejectionFilter(resource_type=kind, reason=reason), int(up_to)


def _audit(visit: OperatorVisit) -> Page:
    problem, asked = "", {name: visit.asked(name).strip()[:_LONGEST] for name in ("actor", "subject", "since", "until")}
    try:
        check_search(*asked.values())
        with visit.instance.database.snapshot() as tx:
            lines = tx.audit.newest(
                before=visit.asked_number("before"),
                actor=asked["actor"] or None,
                subject=asked["subject"] or None,
                since=_moment(asked["since"], lambda day: day.start),
                until=_moment(asked["until"], lambda day: day.end),
                limit=_ROWS,
            )
    except Invalid as wrong:
        problem, lines = str(wrong), []
    return show(
        visit,
        "operator/audit.html",
        section="Audit log",
        status=400 if problem else 200,
        problem=problem,
        asked=asked,
        lines=lines,
        last=lines[-1].number if len(lines) == _ROWS else None,
    )


def _moment(text: str, of: Callable[[Day], datetime]) -> datetime | None:
    if not text:
        return None
    try:
        return of(Day.parse(text, name="A day"))
    except OverflowError:  # the end of the last day of the calendar: nothing is later
        return None
