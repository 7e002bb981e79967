"""Pages about errors: the explanation of each code, at the address in `more_info`, and failures shown to people."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Final

from starlette.requests import Request
from starlette.responses import Response

from dayfile.api.body import Body
from dayfile.api.error_table import BY_CODE, ErrorRow
from dayfile.api.openapi.operation import SERVER, Answer, Operation
from dayfile.api.openapi.parameters import in_path
from dayfile.api.openapi.schema import number, text
from dayfile.api.responses import json_response
from dayfile.api.routes import Routes
from dayfile.errors import NotFound
from dayfile.web.browser import prefers_html
from dayfile.web.sheet import Sheet

_TEMPLATES: Final = Path(__file__).with_name("templates")

routes = Routes()


class ExplanationBody(Body, frozen=True, kw_only=True):
    """An error code in plain words."""

    code: Annotated[int, number("The code.", 20404)]
    title: Annotated[str, text("Its name.", "Not found")]
    happened: Annotated[str, text("What happened.", "There is nothing at this address for this account.")]
    to_do: Annotated[str, text("What to do about it.", "Check the address and whose credentials are used.")]


@routes.add(
    Operation(
        name="FetchExplanation",
        method="get",
        path="/errors/{Code}",
        tag=SERVER,
        summary="Look up an error code",
        description="What happened and what to do about it: `more_info` of each error leads here. Browsers get a "
        "page, other clients JSON.",
        parameters=(in_path("Code", number("The code.", 20404)),),
        answers={
            200: Answer(ExplanationBody, says="The explanation.", content={"text/html": {"schema": {"type": "string"}}})
        },
        failures=(400, 404),
    )
)
def explain(request: Request, code: str) -> Response:
    """Return the explanation of a code: a page for browsers, JSON for other clients; raises NotFound."""
    number_of_code = int(code) if code.isascii() and code.isdecimal() and len(code) <= len("20500") else 0
    found = BY_CODE.get(number_of_code)
    if found is None:
        raise NotFound(f"This server knows no error with the code {code[:40]!r}.")
    if prefers_html(request.headers):
        return _sheet().answer(code=found.code, explanation=found, http_status=found.status)
    body = ExplanationBody(code=found.code, title=found.title, happened=found.happened, to_do=found.to_do)
    return json_response(body)


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
