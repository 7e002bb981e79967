"""Sheets of the pages of users who are signed in: their styles and scripts, and the script file that they load."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dayfile.console.paths import CONSOLE_PATH, NO_STORE
from dayfile.console.visit import SignedInVisit
from dayfile.console.words import FILTERS
from dayfile.web.sheet import Filled, Sheet

LIBRARY: Final = "htmx-4.0.1.min.js"
"""The one script file, as its authors publish it; its licence is beside it."""

_TEMPLATES: Final = Path(__file__).with_name("templates")
_ASSETS: Final = Path(__file__).with_name("assets")
_LIBRARY_PATH: Final = f"{CONSOLE_PATH}/assets/{LIBRARY}"
_LASTING: Final = {"Cache-Control": "public, max-age=31536000, immutable"}  # another version has another name


def show(visit: SignedInVisit, template: str, *, section: str, status: int = 200, **values: object) -> Filled:
    """Return a page; `section` is what the top bar marks. A template without a folder is one of customers."""
    values |= {"visit": visit, "section": section}
    return Filled(sheet=_sheet(template), status=status, headers=NO_STORE, values=values)


def library_route() -> Route:
    """Return the route of the script file."""
    text = (_ASSETS / LIBRARY).read_bytes()

    async def library(_: Request) -> Response:
        return Response(text, media_type="text/javascript", headers=_LASTING)

    return Route(_LIBRARY_PATH, library, methods=["GET"])


@cache
def _sheet(template: str) -> Sheet:
    return Sheet(
        _TEMPLATES,
        template if "/" in template else f"customer/{template}",
        styles=("customer/console.css",),
        scripts=("copy.js", "customer/console.js"),
        asks_again=True,
        has_forms=True,
        library=_LIBRARY_PATH,
        filters=FILTERS,
    )
