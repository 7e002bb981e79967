"""Pages about errors: the explanation of each code, at the address in `more_info`, and failures shown to people."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from dayfile.api.error_table import BY_CODE, ErrorRow
from dayfile.api.exports import READ
from dayfile.api.responses import json_response
from dayfile.errors import NotFound
from dayfile.web.browser import prefers_html
from dayfile.web.sheet import Sheet

_TEMPLATES: Final = Path(__file__).with_name("templates")

router = APIRouter()


@router.api_route("/errors/{code}", methods=READ)
def explain(request: Request, code: str) -> Response:
    """Return the explanation of a code: a page for browsers, JSON for other clients; raises NotFound."""
    number = int(code) if code.isascii() and code.isdecimal() and len(code) <= len("20500") else 0
    found = BY_CODE.get(number)
    if found is None:
        raise NotFound(f"This server knows no error with the code {code[:40]!r}.")
    if prefers_html(request.headers):
        return _sheet().answer(code=number, explanation=found, http_status=found.status)
    return json_response({"code": number, "title": found.title, "happened": found.happened, "to_do": found.to_do})


def failure_page(row: ErrorRow, *, message: str, request_id: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return the response to a request that failed, as a page for people in front of a browser."""
    return _failure_sheet().answer(
        status=row.status,
        headers={"Cache-Control": "no-store", "Vary": "Accept", **(headers or {})},
        code=row.code,
        http_status=row.status,
        message=message,
        explanation=row,
        request_id=request_id,
    )


@cache
def _failure_sheet() -> Sheet:
    return Sheet(_TEMPLATES, "failure.html", styles=("failure.css",))


@cache
def _sheet() -> Sheet:
    return Sheet(_TEMPLATES, "explanation.html")
