"""Routes of the API, each with the operation that describes it: the document and the routes cannot disagree."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from dayfile.api.openapi.operation import Operation
from dayfile.api.readings import answer_reading
from dayfile.api.route_tree import TAKES_SLASHES, Place, RouteTree

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
"""A function of the request and the variables of its path, in order; it runs in a thread unless it is async."""

_WITH_SLASHES: Final = "{Link}"


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
    """The choice of the route for a request: Starlette would try all of them for each, one after the other."""

    def __init__(self, routes: Sequence[Route], *, others: ASGIApp) -> None:
        """Take the routes, in their order of matching; `others` serves what is no HTTP."""
        self._others = others
        self._tree = RouteTree()
        self._with_slashes = [Place(route) for route in routes if TAKES_SLASHES in route.path]
        for route in routes:
            if TAKES_SLASHES not in route.path:
                self._tree.add(route)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve a request; raises HTTPException at once if no route has its path, or none with it has its method."""
        if scope["type"] != "http":
            return self._others(scope, receive, send)
        path, method = scope["path"], scope["method"]
        parts = path.split("/")
        found = self._tree.find(parts)
        for place in found:
            if method in (place.route.methods or ()):
                return _note(scope, place, place.variables(parts))(scope, receive, send)
        for place in self._with_slashes:
            matched = place.route.path_regex.match(path)
            if matched is not None:
                if method in (place.route.methods or ()):
                    return _note(scope, place, matched.groupdict())(scope, receive, send)
                found = [place]
        raise HTTPException(405 if found else 404)


def _note(scope: Scope, place: Place, variables: dict[str, Any]) -> ASGIApp:
    """Note a route as Starlette's own routing would, which would match the path once more; return its app."""
    scope["endpoint"] = place.route.endpoint
    scope["path_params"] = variables
    scope["route"] = place.template
    return place.route.app


def _answering(endpoint: Callable[..., Any], *, only_reads: bool) -> ASGIApp:
    """Return the ASGI app of an endpoint. Its errors go up to the edge, which answers them."""
    is_async = inspect.iscoroutinefunction(endpoint)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        request, variables = Request(scope, receive, send), scope["path_params"].values()
        if is_async:
            answer: Response = await endpoint(request, *variables)
        elif only_reads:
            answer = await answer_reading(endpoint, request)
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
