"""Routes of the API, each with the operation that describes it: the document and the routes cannot disagree."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from dayfile.api.openapi.operation import Operation
from dayfile.api.readings import readings_of

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
"""A function of the request and the variables of its path, in order; it runs in a thread unless it is async."""

_WITH_SLASHES: Final = "{Link}"
_TAKES_SLASHES: Final = ":path}"


class Routes:
    """The routes of one module, in the order in which the document describes them."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.routes: list[Route] = []

    def add(self, operation: Operation, *, only_reads: bool = False) -> Callable[[Endpoint], Endpoint]:
        """Add an operation; the decorated function serves it, also for HEAD if it is a GET.

        With `only_reads` its requests are readings: they need a few rows of the database and nothing else.
        """

        def added(endpoint: Endpoint) -> Endpoint:
            path = operation.path.replace(_WITH_SLASHES, f"{_WITH_SLASHES[:-1]}:path}}")
            self.operations.append(operation)
            serve = _answering(endpoint, only_reads=only_reads)
            self.routes.append(Route(path, serve, methods=[operation.method.upper()]))
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


class Dispatch:
    """The choice of the route for a request, among those that have as many parts and the same first one.

    Starlette would try all of them for each request, one after the other.
    """

    def __init__(self, routes: Sequence[Route], *, others: ASGIApp) -> None:
        """Take the routes, in their order of matching; `others` serves what is no HTTP."""
        self._others = others
        self._templates = {route.path: route.path.replace(_TAKES_SLASHES, "}") for route in routes}
        # Those that may match a path of a shape that no route has.
        self._of_any_shape = tuple(one for one in routes if _TAKES_SLASHES in one.path or one.path.startswith("/{"))
        self._by_shape: dict[tuple[str, int], tuple[Route, ...]] = {}
        for route in routes:
            shape = _shape(route.path)
            self._by_shape[shape] = tuple(one for one in routes if _may_match(one, shape))

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve a request; raises HTTPException at once if no route has its path, or none with it has its method."""
        if scope["type"] != "http":
            return self._others(scope, receive, send)
        path = scope["path"]
        is_known = False
        for route in self._by_shape.get(_shape(path), self._of_any_shape):
            found = route.path_regex.match(path)
            if found is None:
                continue
            if scope["method"] in (route.methods or ()):
                # As Starlette's own routing, which would match the path once more.
                scope["endpoint"] = route.endpoint
                scope["path_params"] = _variables(route, found) if route.param_convertors else {}
                scope["route"] = self._templates[route.path]
                return route.app(scope, receive, send)
            is_known = True
        raise HTTPException(405 if is_known else 404)


def _variables(route: Route, found: re.Match[str]) -> dict[str, Any]:
    return {name: route.param_convertors[name].convert(text) for name, text in found.groupdict().items()}


def _shape(path: str) -> tuple[str, int]:
    return path[1:].partition("/")[0], path.count("/")


def _may_match(route: Route, shape: tuple[str, int]) -> bool:
    first, parts = _shape(route.path)
    return (first == shape[0] or first.startswith("{")) and (parts == shape[1] or _TAKES_SLASHES in route.path)


def _answering(endpoint: Callable[..., Any], *, only_reads: bool) -> ASGIApp:
    """Return the ASGI app of an endpoint. Its errors go up to the edge, which answers them."""
    is_async = inspect.iscoroutinefunction(endpoint)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        request, variables = Request(scope, receive, send), scope["path_params"].values()
        if is_async:
            answer: Response = await endpoint(request, *variables)
        elif only_reads:
            answer = await readings_of(request).ask((endpoint, request))
        else:
            answer = await run_in_threadpool(endpoint, request, *variables)
        await answer(scope, receive, send)

    return _App(serve)


class _App:
    """An ASGI app that Starlette does not take for a function of a request."""

    def __init__(self, serve: ASGIApp) -> None:
        self._serve = serve

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return self._serve(scope, receive, send)
