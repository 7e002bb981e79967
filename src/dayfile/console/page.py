"""The first page for browsers: the health of the instance, its figures, and what to do next.

It changes nothing but sessions. How much it shows depends on the visitor (`audience.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from dayfile import __version__
from dayfile.checks.condition import Condition, condition_of
from dayfile.checks.vitals import Level
from dayfile.console.instance import Instance
from dayfile.console.paths import OPERATOR_PATH
from dayfile.console.sign_in import SignIn
from dayfile.console.status import FileCount, damages_of, figures_of, recent_jobs_of, verdict_of
from dayfile.console.words import FILTERS
from dayfile.errors import DatabaseUnavailable
from dayfile.model.day import last_custom_day
from dayfile.web.audience import Audience, Visitor, stranger, visitor_of
from dayfile.web.sheet import Sheet

_TEMPLATES: Final = Path(__file__).with_name("templates")
_ICON: Final = (_TEMPLATES / "favicon.ico").read_bytes()
_READ: Final = ["GET", "HEAD"]
_CLASSES: Final = {Level.OK: "good", Level.WARNING: "warn", Level.BAD: "bad"}
# The clock and damaged objects have places of their own on the page.
_TITLES: Final = {"workers": "Workers", "work": "Work", "space": "Disk", "notices": "Notices", "letters": "Letters"}


def console_page(instance: Instance) -> list[Route]:
    """Return the routes of the page: `/` for everybody, its icon, `/operator` for operators, and the sign-in."""
    page, sign_in = _Page(instance), SignIn(instance)

    def front(request: Request) -> Response:
        try:
            return page.answer(visitor_of(request, instance))
        except DatabaseUnavailable:
            return page.answer(stranger(request, instance))  # the page says so, whoever looks

    async def icon(_: Request) -> Response:
        return Response(_ICON, media_type="image/x-icon", headers={"Cache-Control": "public, max-age=86400"})

    def operator(request: Request) -> Response:
        visitor = visitor_of(request, instance)
        if visitor.audience is Audience.OPERATOR:
            return page.answer(visitor)
        return sign_in.refusal(request, to=OPERATOR_PATH)

    return [
        Route("/", front, methods=_READ),
        Route("/favicon.ico", icon, methods=_READ),
        Route(OPERATOR_PATH, operator, methods=_READ),
        *sign_in.routes,
    ]


class _Page:
    """The template and the values that fill it."""

    def __init__(self, instance: Instance) -> None:
        self._sheet, self._operator_sheet = _sheet(is_operator=False), _sheet(is_operator=True)
        self._instance = instance
        self._files = FileCount()
        self._started_at = instance.clock.now()

    def answer(self, visitor: Visitor) -> HTMLResponse:
        """Return the page as this visitor may see it."""
        audience = visitor.audience
        condition, now = self._condition(audience), self._instance.clock.now()
        # Values that the visitor may not see are not even looked up.
        figures = audience >= Audience.THIS_MACHINE and condition.database is None
        jobs = audience >= Audience.OPERATOR and condition.database is None
        signs = condition.signs
        return (self._operator_sheet if visitor.operator else self._sheet).answer(
            headers={"Cache-Control": "no-store"},
            url=self._instance.public_url,
            health=condition,
            verdict=verdict_of(condition),
            signs=[(_TITLES[sign.name], _CLASSES[sign.level], sign.text) for sign in signs if sign.name in _TITLES],
            is_near=audience >= Audience.THIS_MACHINE,
            operator=visitor.operator,
            form_token=visitor.form_token,
            clock=next((sign.text for sign in signs if sign.name == "clock" and sign.level), None),
            damages=damages_of(self._instance) if figures else None,
            names_damages=jobs,
            figures=figures_of(self._instance, self._files) if figures else None,
            jobs=recent_jobs_of(self._instance) if jobs else None,
            version=__version__,
            started_at=self._started_at,
            now=now,
            day=last_custom_day(now),
        )

    def _condition(self, audience: Audience) -> Condition:
        instance, sees_more = self._instance, audience >= Audience.THIS_MACHINE
        return condition_of(
            instance.vitals if sees_more else None,
            database=instance.database.probe,
            storage=instance.storage_probe.write if sees_more else instance.storage_probe.read,
        )


def _sheet(*, is_operator: bool) -> Sheet:
    return Sheet(
        _TEMPLATES,
        "page.html",
        styles=("customer/console.css", "page.css") if is_operator else ("page.css",),
        # The one that asks again first: it must see the page as it was sent.
        scripts=("copy.js", "page.js", "customer/console.js") if is_operator else ("copy.js", "page.js"),
        asks_again=True,
        has_forms=is_operator,
        filters=FILTERS,
    )
