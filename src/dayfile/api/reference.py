"""Reference of the API: the OpenAPI document for tools, and a page made from it for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Final, cast

from starlette.requests import Request
from starlette.responses import Response

from dayfile.api.error_table import BY_CODE, rows_with
from dayfile.api.openapi.document import FAILURES, create_document
from dayfile.api.openapi.operation import OPERATOR, SERVER, Answer, Operation
from dayfile.api.openapi.reading import Reading, paragraphs
from dayfile.api.openapi.schema import Node
from dayfile.api.routes import Routes
from dayfile.web.sheet import Sheet

_TEMPLATES: Final = Path(__file__).with_name("templates")

routes = Routes()


@routes.add(
    Operation(
        name="FetchDocument",
        method="get",
        path="/openapi.json",
        tag=SERVER,
        summary="Fetch this document",
        description="This reference as OpenAPI 3.1, for tools that make clients and tests. /docs shows it to people.",
        answers={200: Answer(says="The document.", content={"application/json": {"schema": {"type": "object"}}})},
    )
)
def fetch_document(request: Request) -> Response:
    """Return the OpenAPI document."""
    return Response(_reference_of(request).document_text, media_type="application/json")


@routes.add_page("/docs")
def fetch_page(request: Request) -> Response:
    """Return the reference page."""
    return _reference_of(request).page


class Reference:
    """The document and the page of one app, made when first asked for.

    Making them costs as much as a hundred other requests, and anybody may ask.
    """

    def __init__(self, public_url: str, operations: Sequence[Operation]) -> None:
        self._public_url = public_url
        self._operations = operations

    @cached_property
    def document_text(self) -> bytes:
        return json.dumps(self._document, ensure_ascii=False, indent=1).encode()

    @cached_property
    def page(self) -> Response:
        return _sheet().answer(
            reading=Reading(self._document),
            url=self._public_url,
            operator=OPERATOR,
            explanations=BY_CODE,
            codes={str(status): [row.code for row in rows_with(status)] for status in FAILURES},
        )

    @cached_property
    def _document(self) -> Node:
        return create_document(self._public_url, self._operations)


def _reference_of(request: Request) -> Reference:
    return cast("Reference", request.app.state.reference)


@cache
def _sheet() -> Sheet:
    return Sheet(
        _TEMPLATES,
        "reference.html",
        styles=("reference.css",),
        scripts=("copy.js", "reference.js"),
        filters={"paragraphs": paragraphs},
    )
