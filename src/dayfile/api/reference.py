"""Reference of the API: the OpenAPI document for tools, and a page made from it for people."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from dayfile.api.context import context_of
from dayfile.api.error_table import BY_CODE, rows_with
from dayfile.api.exports import READ
from dayfile.api.openapi.document import FAILURES, create_document
from dayfile.api.openapi.operation import OPERATOR
from dayfile.api.openapi.reading import Reading, paragraphs
from dayfile.web.sheet import Sheet

_TEMPLATES: Final = Path(__file__).with_name("templates")

router = APIRouter()


@router.api_route("/openapi.json", methods=READ)
def fetch_document(request: Request) -> Response:
    """Return the OpenAPI document."""
    return Response(_encoded(context_of(request).public_url), media_type="application/json")


@router.api_route("/docs", methods=READ, include_in_schema=False)
def fetch_page(request: Request) -> Response:
    """Return the reference page."""
    return _page(context_of(request).public_url)


@cache  # it costs as much as a hundred other requests, and anybody may request it
def _page(public_url: str) -> Response:
    return _sheet().answer(
        reading=Reading(create_document(public_url)),
        url=public_url,
        operator=OPERATOR,
        explanations=BY_CODE,
        codes={str(status): [row.code for row in rows_with(status)] for status in FAILURES},
    )


@cache
def _encoded(public_url: str) -> bytes:
    return json.dumps(create_document(public_url), ensure_ascii=False, indent=1).encode()


@cache
def _sheet() -> Sheet:
    return Sheet(
        _TEMPLATES,
        "reference.html",
        styles=("reference.css",),
        scripts=("copy.js",),
        filters={"paragraphs": paragraphs},
    )
