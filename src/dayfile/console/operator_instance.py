"""The operator's pages of the instance: who works and on what, the clock, rejections by reason, and the audit log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from dayfile.checks.clock_state import clock_state
from dayfile.console.sheets import show
from dayfile.console.visit import OperatorRoutes, OperatorVisit
from dayfile.errors import Invalid
from dayfile.model.credential import Scope
from dayfile.model.day import Day

_ROWS: Final = 50
_GROUPS: Final = 20
_STARTS: Final = 5
_LOOKED_AT: Final = 200  # lines of the operator, for the last starts
_LONGEST: Final = 200  # characters of an actor or a subject


def instance_routes(routes: OperatorRoutes) -> list[Route]:
    """Return the routes of the operator's pages of the instance."""
    return [routes.look("/instance", None, _instance), routes.look("/audit", Scope.ACCOUNTS, _audit)]


def _instance(visit: OperatorVisit) -> Response:
    with visit.instance.database.snapshot() as tx:
        deeds = [line.deed for line in tx.audit.newest(actor="operator", limit=_LOOKED_AT)]
        return show(
            visit,
            "operator/instance.html",
            section="Instance",
            workers=tx.workers.all(),
            seals=tx.seals.running(now=visit.now),
            unfinished_jobs=tx.jobs.unfinished(),
            clock=clock_state(tx.clock_marks.find(), visit.instance.clock.reading()),
            rejections=tx.rejections.groups(by_reason=True, by_source=False, limit=_GROUPS),
            rejected=tx.rejections.count(),
            starts=[deed for deed in deeds if deed.action.endswith(".started")][:_STARTS],
        )


def _audit(visit: OperatorVisit) -> Response:
    problem, asked = "", {name: visit.asked(name).strip()[:_LONGEST] for name in ("actor", "subject", "since", "until")}
    try:
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
    return of(Day.parse(text, name="A day")) if text else None
