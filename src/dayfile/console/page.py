"""The one page for browsers: whether it works, how much is in it, and what to do next.

It reads and changes nothing. How much it shows depends on who is looking (`audience.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from dayfile import __version__
from dayfile.console.audience import Audience, audience_of
from dayfile.console.instance import Instance
from dayfile.console.status import duration_text, figures_of, health_of, recent_jobs_of
from dayfile.model.day import last_custom_day
from dayfile.web.sheet import Sheet

_TEMPLATES: Final = Path(__file__).with_name("templates")
_READ: Final = ["GET", "HEAD"]


def console_page(instance: Instance) -> APIRouter:
    """The routes of the page: `/` for everybody, and `/operator`, which asks for an operator's key."""
    router = APIRouter()
    page = _Page(instance)

    @router.api_route("/", methods=_READ, include_in_schema=False)
    def front(request: Request) -> Response:
        return page.answer(_audience(request, instance))

    @router.api_route("/operator", methods=_READ, include_in_schema=False)
    def operator(request: Request) -> Response:
        audience = _audience(request, instance)
        if audience is Audience.OPERATOR:
            return page.answer(audience)
        answer = page.answer(audience, status=401)
        answer.headers["WWW-Authenticate"] = 'Basic realm="Dayfile operator", charset="UTF-8"'
        return answer

    return router


class _Page:
    """The template, and what is filled into it."""

    def __init__(self, instance: Instance) -> None:
        self._sheet = Sheet(
            _TEMPLATES,
            "page.html",
            styles=("page.css",),
            scripts=("copy.js", "page.js"),
            asks_again=True,
            filters={
                "count": "{:,}".format,
                "moment": "{:%Y-%m-%d %H:%M} UTC".format,
                "duration": duration_text,
            },
        )
        self._instance = instance
        self._started_at = instance.clock.now()

    def answer(self, audience: Audience, *, status: int = 200) -> HTMLResponse:
        """The page as this audience sees it."""
        health, now = health_of(self._instance), self._instance.clock.now()
        # What somebody does not see is not even looked up for them.
        figures = audience >= Audience.THIS_MACHINE and health.database is None
        jobs = audience >= Audience.OPERATOR and health.database is None
        return self._sheet.answer(
            status=status,
            headers={"Cache-Control": "no-store"},
            url=self._instance.public_url,
            health=health,
            is_near=audience >= Audience.THIS_MACHINE,
            is_operator=audience >= Audience.OPERATOR,
            figures=figures_of(self._instance) if figures else None,
            jobs=recent_jobs_of(self._instance) if jobs else None,
            version=__version__,
            started_at=self._started_at,
            now=now,
            day=last_custom_day(now),
        )


def _audience(request: Request, instance: Instance) -> Audience:
    return audience_of(
        request,
        authenticator=instance.authenticator,
        public_url=instance.public_url,
        trusted_proxies=instance.trusted_proxies,
    )
