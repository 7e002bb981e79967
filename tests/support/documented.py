"""The OpenAPI document as a judge: whether an answer is one that it promises."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import httpx2
import jsonschema_rs

from dayfile.api.app import OPERATIONS
from dayfile.api.openapi.document import create_document
from dayfile.api.openapi.operation import Operation
from dayfile.api.openapi.reading import Reading
from dayfile.api.openapi.schema import Node

DOCUMENT = create_document("http://localhost", OPERATIONS)
READING = Reading(DOCUMENT)


class Promise(NamedTuple):
    """The document's promise about one operation."""

    operation: Operation
    address: re.Pattern[str]

    @property
    def node(self) -> Node:
        """Its part of the document."""
        node: Node = DOCUMENT["paths"][self.operation.path][self.operation.method]
        return node


def _promises() -> Iterator[Promise]:
    """All of them; addresses without a variable part come first, as OpenAPI matches them."""
    for operation in sorted(OPERATIONS, key=lambda operation: operation.path.count("{")):
        pattern = re.sub(r"\\{(\w+)\\}", lambda part: ".+" if part[1] == "Link" else "[^/]+", re.escape(operation.path))
        yield Promise(operation, re.compile(pattern))


PROMISES = tuple(_promises())


def promise_of(request: httpx2.Request) -> Promise | None:
    """The promise about a request; None where the document knows no such address or method."""
    method, path = request.method.lower().replace("head", "get"), request.url.path
    path = path.removesuffix("/") if path.startswith("/v1/") else path
    fitting = [promise for promise in PROMISES if promise.address.fullmatch(path)]
    return next((promise for promise in fitting if promise.operation.method == method), None)


def check(answer: httpx2.Response) -> None:
    """Fails unless the document promises this answer: its status, its headers, its body."""
    promise = promise_of(answer.request)
    if promise is None:
        return
    asked = f"{answer.request.method} {answer.request.url}"
    responses = promise.node["responses"]
    assert str(answer.status_code) in responses, f"{asked}: {answer.status_code} is not in the document"
    promised = READING.resolve(responses[str(answer.status_code)])
    for name, header in promised["headers"].items():
        rules = READING.resolve(header)
        assert not rules["required"] or name in answer.headers, f"{asked}: the header {name} is missing"
        if name in answer.headers:
            broken = complaints(rules["schema"], answer.headers[name])
            assert broken == [], f"{asked}: {name}: {answer.headers[name]!r}: {broken}"
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if answer.request.method == "HEAD" or kind != "application/json":
        return
    assert kind in promised["content"], f"{asked}: {answer.status_code} has a body of {kind}, which is not promised"
    broken = complaints(promised["content"][kind]["schema"], answer.json() if answer.read() else None)
    assert broken == [], f"{asked}: {answer.status_code} {answer.text}: {broken}"


def complaints(schema: Node, value: Any) -> list[str]:
    """Return a schema's complaints about a value."""
    return [error.message for error in _validator(json.dumps(schema)).iter_errors(value)]


@cache
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    # By way of its text: the validator takes lists, and the document has tuples.
    whole = json.dumps({**json.loads(schema), "components": DOCUMENT["components"]})
    return jsonschema_rs.Draft202012Validator(json.loads(whole), validate_formats=True)
