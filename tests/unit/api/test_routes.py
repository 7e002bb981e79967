from __future__ import annotations

import asyncio
from http import HTTPStatus

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Message

from dayfile.api.openapi.operation import FILES, Answer, Operation
from dayfile.api.routes import Routes

routes = Routes()


def an_operation(method: str, path: str) -> Operation:
    """An operation that says nothing more."""
    answers = {200: Answer(says="It is.")}
    return Operation(name=path, method=method, path=path, tag=FILES, summary="", description="", answers=answers)


@routes.add(an_operation("get", "/v1/{First}/of/{Second}"))
def in_a_thread(_: Request, first: str, second: str) -> Response:
    """Answer with both variables."""
    return PlainTextResponse(f"{first} {second}")


@routes.add(an_operation("post", "/v1/{First}/of/{Second}"))
async def in_the_loop(_: Request, first: str, second: str) -> Response:
    """Answer with both variables, the other way round."""
    return PlainTextResponse(f"{second} {first}")


@routes.add(an_operation("get", "/v1/Links/{Link}"))
def with_slashes(_: Request, link: str) -> Response:
    """Answer with the rest of the path."""
    return PlainTextResponse(link)


async def asked(method: str, path: str) -> tuple[int, bytes]:
    """Status and body of the answer of an app with these routes."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": [], "root_path": ""}
    await Starlette(routes=routes.routes)(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/a/of/b", b"a b"),
        ("POST", "/v1/a/of/b", b"b a"),
        ("GET", "/v1/Links/a/b/c", b"a/b/c"),
    ],
)
def test_an_endpoint_gets_the_variables_of_its_path_in_order(method: str, path: str, body: bytes) -> None:
    """They are spelled in the document as Twilio spells them, and in the code as Python does."""
    assert asyncio.run(asked(method, path)) == (HTTPStatus.OK, body)


def test_each_get_is_a_head_too() -> None:
    """Clients ask for the size before they ask for the file."""
    assert [sorted(route.methods or ()) for route in routes.routes] == [["GET", "HEAD"], ["POST"], ["GET", "HEAD"]]
    assert [operation.method for operation in routes.operations] == ["get", "post", "get"]
