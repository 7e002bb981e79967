"""The OpenAPI document: it is well formed, it is whole, and it says what the code does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.responses import Response
from starlette.routing import Route

from dayfile.api.app import OPERATIONS
from dayfile.api.error_table import BY_CODE, rows_with
from dayfile.api.openapi.schema import Node
from dayfile.api.routes import in_order_of_matching
from tests.support.documented import DOCUMENT, READING, complaints
from tests.support.face import Face

HEAD_IS_GET = {"HEAD"}
"""Said once, in the introduction: an operation of its own for each would tell nobody anything."""


def spelled(path: str) -> str:
    """A route's path as the document spells it."""
    return path.replace(":path}", "}")


@pytest.mark.compat(68)
def test_the_document_is_openapi() -> None:
    """Tools refuse what is not, and say something about line 1."""
    OpenAPIV31SpecValidator(json.loads(json.dumps(DOCUMENT))).validate()


def test_every_route_is_documented_and_every_documented_operation_is_routed(face: Face) -> None:
    """An address that nobody is told of is not used; one that is told of and is not there is worse."""
    routed = {
        (method.lower(), spelled(route.path))
        for route in face.app().routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - HEAD_IS_GET
    }
    documented = {(method, path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    # The page of the document is for people, metrics are for programs of the operator.
    assert routed == documented | {("get", "/docs"), ("get", "/metrics")}


def test_an_address_that_names_more_comes_first() -> None:
    """`/v1/Exports/Jobs/JS...` is a job, and not something of a resource type called Jobs."""
    paths = ["/a/{x}/c", "/a/b/{y}", "/a/{x}", "/a/b/c", "/{all:path}"]
    routes = in_order_of_matching([Route(path, lambda _: Response()) for path in paths])
    assert [route.path for route in routes] == ["/a/b/c", "/a/b/{y}", "/a/{x}", "/a/{x}/c", "/{all:path}"]


def test_names_of_operations_and_what_links_to_them_agree() -> None:
    """Makers of clients name methods after them, and a link to nowhere is followed nowhere."""
    names = [operation.name for operation in OPERATIONS]
    assert len(set(names)) == len(names)
    linked = {node["operationId"] for node in nodes(DOCUMENT) if "operationId" in node and "parameters" in node}
    assert linked <= set(names)
    for operation in OPERATIONS:
        variables = set(re.findall(r"\{(\w+)\}", operation.path))
        in_path = {parameter["name"] for parameter in operation.parameters if parameter["in"] == "path"}
        assert in_path == variables, operation.name


def test_everything_has_words() -> None:
    """A thing that is only named is guessed at."""
    silent = [operation.name for operation in OPERATIONS if not operation.summary or not operation.description]
    silent += [str(node) for node in nodes(DOCUMENT) if "in" in node and "schema" in node and not node["description"]]
    silent += [
        f"{name}.{member}"
        for name, schema in DOCUMENT["components"]["schemas"].items()
        for member, node in schema["properties"].items()
        if "$ref" not in node and not ("items" in node and "$ref" in node["items"]) and not node.get("description")
    ]
    assert silent == []


@pytest.mark.parametrize("name", list(DOCUMENT["components"]["schemas"]))
def test_examples_are_what_the_schema_allows(name: str) -> None:
    """They are copied by people and by tools that play a server."""
    schema = {"$ref": f"#/components/schemas/{name}"}
    assert complaints(schema, READING.example(schema)) == []


def test_examples_of_parameters_and_forms_are_allowed() -> None:
    """The first thing that anybody sends is the example."""
    broken = [
        (operation.name, parameter["name"])
        for operation in OPERATIONS
        for parameter in operation.parameters
        if "example" in parameter and complaints(parameter["schema"], parameter["example"])
    ]
    assert broken == []
    headers = DOCUMENT["components"]["headers"]
    assert [name for name, header in headers.items() if complaints(header["schema"], header["example"])] == []


def test_every_code_that_an_answer_can_carry_is_explained() -> None:
    """more_info must lead somewhere, from each error of each operation, and say what happened and what to do."""
    carried = {row.code for operation in OPERATIONS for status in operation.failures for row in rows_with(status)}
    assert carried <= set(BY_CODE)
    for code in carried:
        explanation = BY_CODE[code]
        for told in (explanation.title, explanation.happened, explanation.to_do):
            assert told.strip(), code


def test_the_document_is_served_on_the_public_base(face: Face) -> None:
    """A tool that loads it can call at once; a page of another site may load it, too."""
    answer = httpx2.get(f"{face.url}/openapi.json", headers={"Origin": "https://editor.example.com"})
    served: dict[str, Any] = answer.json()
    assert served["servers"] == [{"url": face.url}]
    assert served == json.loads(json.dumps({**DOCUMENT, "servers": [{"url": face.url}]}))
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"


def nodes(node: Any) -> Iterator[Node]:
    """All objects of the document, wherever they stand."""
    if isinstance(node, dict):
        yield node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list | tuple) else ()
    for child in children:
        yield from nodes(child)


def test_whatever_asks_for_credentials_may_ask_to_wait() -> None:
    """A client that does not know of 429 takes it for an error of its own."""
    assert [operation.name for operation in OPERATIONS if operation.who and 429 not in operation.failures] == []
