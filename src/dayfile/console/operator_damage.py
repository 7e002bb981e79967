"""The operator's page of damaged objects: which there are, another look at one, and doing without it."""

from __future__ import annotations

from typing import Final

from starlette.routing import Route

from dayfile.console.sheets import show
from dayfile.console.visit import OperatorRoutes, OperatorVisit, Page
from dayfile.errors import Conflict, InFlight
from dayfile.model.credential import Scope
from dayfile.model.damage import Damage, DamageState

_SECTION: Final = "Damage"
_ROWS: Final = 25


def damage_routes(routes: OperatorRoutes) -> list[Route]:
    """Return the routes of the page of damaged objects."""
    return [
        routes.look("/damage", None, _show),
        routes.act("/damage/retry", Scope.INTAKE, _retry),
        routes.act("/damage/accept", Scope.INTAKE, _accept),
    ]


def _retry(visit: OperatorVisit) -> Page:
    """Look at a damaged object again, and say what it is like."""
    try:
        damage = visit.instance.repairs().retry(visit.form.get("object", ""), actor=visit.actor)
    except InFlight as wrong:
        return _show(visit, problem=str(wrong))
    if damage.is_open:
        return _show(visit, problem=f"{damage.key} is still damaged: {damage.reason}")
    return _show(visit, done=f"{damage.key}: {_outcome(damage)}")


def _accept(visit: OperatorVisit) -> Page:
    """Do without a damaged object for good, if the form says so."""
    if visit.form.get("for_good") != "yes":
        return _show(visit, problem="Doing without an object is for good: mark that you know it")
    try:
        damage = visit.instance.repairs().accept(visit.form.get("object", ""), actor=visit.actor)
    except (InFlight, Conflict) as wrong:
        return _show(visit, problem=str(wrong))
    return _show(visit, done=f"{damage.key}: {_outcome(damage)}")


def _outcome(damage: Damage) -> str:
    if damage.state is DamageState.REPAIRED:
        what = "it is whole again, and nothing is lost"
    else:
        what = "it is given up; manifests of days that lack records for it say that they are incomplete"
    return what + ("." if damage.settled_at else ". A worker seals its day soon, and that settles it.")


def _show(visit: OperatorVisit, *, done: str = "", problem: str = "") -> Page:
    after, everything = visit.asked_number("after") or 0, visit.asked("all") == "yes"
    with visit.instance.database.snapshot() as tx:
        count = tx.damages.count()
        found = tx.damages.page(after=after, limit=_ROWS, settled=everything)
        withheld = tx.daily_runs.withheld(after=None, limit=_ROWS)
    return show(
        visit,
        "operator/damage.html",
        section=_SECTION,
        status=400 if problem else 200,
        done=done,
        problem=problem,
        count=count,
        damages=found,
        everything=everything,
        after=after,
        last=found[-1].id if len(found) == _ROWS else None,
        withheld=withheld,
        has_more_withheld=len(withheld) == _ROWS,
        may_write=visit.may(Scope.INTAKE),
    )
