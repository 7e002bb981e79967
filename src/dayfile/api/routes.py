"""Routes of the API, each with the operation that describes it: the document and the routes cannot disagree."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dayfile.api.openapi.operation import Operation

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
"""A function of the request and the variables of its path, in order; it runs in a thread unless it is async."""

_WITH_SLASHES: Final = "{Link}"


class Routes:
    """The routes of one module, in the order in which the document describes them."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.routes: list[Route] = []

    def add(self, operation: Operation) -> Callable[[Endpoint], Endpoint]:
        """Add an operation; the decorated function serves it, also for HEAD if it is a GET."""

        def added(endpoint: Endpoint) -> Endpoint:
            path = operation.path.replace(_WITH_SLASHES, f"{_WITH_SLASHES[:-1]}:path}}")
            self.operations.append(operation)
            self.routes.append(Route(path, _taking_variables(endpoint), methods=[operation.method.upper()]))
            return endpoint

        return added

    def add_page(self, path: str) -> Callable[[Endpoint], Endpoint]:
        """Add a page for people, which the document does not describe."""

        def added(endpoint: Endpoint) -> Endpoint:
            self.routes.append(Route(path, endpoint, methods=["GET"]))
            return endpoint

        return added


def in_order_of_matching(routes: Sequence[Route]) -> list[Route]:
    """Return routes so that the first that matches a path is the one that names most of it, from its beginning.

    /v1/Exports/Jobs/{JobSid} comes before /v1/Exports/{ResourceType}/Days.
    """
    return sorted(routes, key=lambda route: [part.startswith("{") for part in route.path.split("/")])


def _taking_variables(endpoint: Callable[..., Any]) -> Callable[[Request], Any]:
    if inspect.iscoroutinefunction(endpoint):

        async def answer_at_once(request: Request) -> Response:
            answer: Response = await endpoint(request, *request.path_params.values())
            return answer

        return answer_at_once

    def answer(request: Request) -> Response:
        answer: Response = endpoint(request, *request.path_params.values())
        return answer

    return answer
