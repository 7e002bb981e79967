"""The one page for browsers: whether it works, how much is in it, and what to do next.

It reads and changes nothing. How much it shows depends on who is looking (`audience.py`). Everything is in the one
answer: no file of another place is asked for, and none would be let in.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from dayfile import __version__
from dayfile.console.audience import Audience, audience_of
from dayfile.console.instance import Instance
from dayfile.console.status import duration_text, figures_of, health_of, recent_jobs_of
from dayfile.model.day import last_custom_day

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
        environment = Environment(
            loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        environment.filters["count"] = "{:,}".format
        environment.filters["moment"] = "{:%Y-%m-%d %H:%M} UTC".format
        environment.filters["duration"] = duration_text
        self._template = environment.get_template("page.html")
        self._instance = instance
        self._started_at = instance.clock.now()
        self._headers = {
            "Content-Security-Policy": _policy(
                style=environment.get_template("page.css").render(),
                script=environment.get_template("page.js").render(),
            ),
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }

    def answer(self, audience: Audience, *, status: int = 200) -> HTMLResponse:
        """The page as this audience sees it."""
        health, now = health_of(self._instance), self._instance.clock.now()
        # What somebody does not see is not even looked up for them.
        figures = audience >= Audience.THIS_MACHINE and health.database is None
        jobs = audience >= Audience.OPERATOR and health.database is None
        text = self._template.render(
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
        return HTMLResponse(text, status_code=status, headers=self._headers)


def _audience(request: Request, instance: Instance) -> Audience:
    return audience_of(request, authenticator=instance.authenticator, public_url=instance.public_url)


def _policy(*, style: str, script: str) -> str:
    """What the browser may do for this page: run and apply what is in it, ask this server again, and nothing else."""
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
