"""The ASGI app: all routes, and the responses to failed requests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers, State
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Scope

from dayfile.api import (
    accounts,
    configurations,
    downloads,
    explanations,
    exports,
    health,
    jobs,
    keys,
    metrics,
    notices,
    records,
    reference,
)
from dayfile.api.context import Context
from dayfile.api.day_links import make_day_links
from dayfile.api.edge import Edge
from dayfile.api.error_table import BUG, ErrorRow, MethodNotAllowed, row_of
from dayfile.api.health import Readiness
from dayfile.api.memory_room import MemoryRoom
from dayfile.api.openapi.operation import TAGS
from dayfile.api.ranges import RangeNotSatisfiable
from dayfile.api.readings import make_readings
from dayfile.api.reference import Reference
from dayfile.api.remembered_files import RememberedFiles
from dayfile.api.request_log import RequestLog, UsualLog
from dayfile.api.responses import error_response
from dayfile.api.routes import Dispatch, in_order_of_matching
from dayfile.errors import Invalid, NotFound, Unauthorized
from dayfile.web.browser import is_browser, prefers_html
from dayfile.web.concurrency import Concurrency
from dayfile.web.login_delays import USUAL_DELAYS, DelayRule
from dayfile.web.queue_places import RecentRate
from dayfile.web.urls import Urls

ROUTES = (
    *(exports.routes, configurations.routes, jobs.routes, downloads.routes, notices.routes),
    *(records.routes, accounts.routes, keys.routes, health.routes, metrics.routes),
    *(explanations.routes, reference.routes),
)

OPERATIONS = tuple(
    sorted((operation for one in ROUTES for operation in one.operations), key=lambda each: TAGS.index(each.tag))
)
"""All operations, in the order of the document."""


def create_app(
    context: Context,
    *,
    pages: Iterable[Route] = (),
    delay_rule: DelayRule = USUAL_DELAYS,
    request_log: RequestLog | None = None,
) -> Starlette:
    """Return the app for a context; `pages` are routes of other faces that the same app serves.

    `delay_rule` delays the responses to failed logins; `request_log` tells of all others.
    """
    # The path that is called a thousand times a second is matched first.
    others = [route for one in ROUTES if one is not records.routes for route in one.routes]
    app = _Application(
        routes=[*records.routes.routes, *in_order_of_matching([*others, *pages])],
        middleware=[
            Middleware(
                Edge,
                context=context,
                answer=partial(answer, context),
                allowed=_allowed,
                delay_rule=delay_rule,
                request_log=request_log or UsualLog(),
            )
        ],
    )
    app.state.context = context
    app.state.readings = make_readings(context)
    app.state.queue_rate = RecentRate()
    app.state.day_links = make_day_links()
    app.state.readiness = Readiness()
    app.state.concurrency = Concurrency(context.concurrent_requests)
    app.state.remembered_files = remembered = RememberedFiles()
    app.state.downloads = downloads.make_downloads(context)
    app.state.downloads_at_once = downloads.make_downloads_at_once(context, remembered)
    app.state.downloads_in_loop = downloads.make_downloads_in_loop(context)
    app.state.files_in_memory = MemoryRoom(downloads.MEMORY_BYTES)
    app.state.reference = Reference(context.public_url, OPERATIONS)
    return app


class _Application(Starlette):
    """Starlette with the edge and its routes, and no layer of its own: the edge answers every error."""

    def __init__(self, *, routes: Sequence[Route], middleware: Sequence[Middleware]) -> None:
        super().__init__(routes=routes, middleware=middleware)
        self.state = _State()

    def build_middleware_stack(self) -> ASGIApp:
        routes = [route for route in self.routes if isinstance(route, Route)]
        app: ASGIApp = Dispatch(routes, others=self.router)
        for layer in reversed(self.user_middleware):
            app = layer.cls(app, *layer.args, **layer.kwargs)
        return app


class _State(State):
    """The state of the app as attributes: Starlette's own are found by a function, after there was no attribute."""

    def __setattr__(self, name: Any, value: Any) -> None:
        object.__setattr__(self, name, value)


def answer(context: Context, scope: Scope, error: Exception) -> Response:
    """Return the response to a request that failed, and note the error and its code for the log line.

    It is a page where Accept prefers HTML, else the body that every client of the API can parse.
    """
    error = _ours(error, scope)
    row = row_of(error)
    scope["state"] |= {"error": error, "code": row.code}
    message, headers = _message(error, row, scope), _headers(error, scope)
    if prefers_html(Headers(scope=scope)):
        request_id = scope["state"]["request_id"]
        return explanations.failure_page(row, message=message, request_id=request_id, headers=headers)
    return error_response(
        status=row.status,
        code=row.code,
        message=message,
        more_info=Urls(context.public_url).error(row.code),
        headers=headers,
    )


def _ours(error: Exception, scope: Scope) -> Exception:
    """Return the framework's error for an unknown path or method as a Dayfile error; any other error unchanged."""
    if not isinstance(error, HTTPException):
        return error
    if error.status_code == 405:  # noqa: PLR2004 - the framework knows no name for it
        return MethodNotAllowed(scope["method"], allowed=_allowed(scope))
    return NotFound("") if error.status_code == 404 else Invalid(error.detail)  # noqa: PLR2004 - the same


def _allowed(scope: Scope) -> str:
    """Return all methods of a path: several routes may share it, and the framework names only those of the first."""
    routes = [route for route in scope["app"].routes if route.matches(scope)[0] is not Match.NONE]
    return ", ".join(sorted({"OPTIONS"}.union(*(getattr(route, "methods", ()) for route in routes))))


def _message(error: Exception, row: ErrorRow, scope: Scope) -> str:
    if row is BUG:
        return f"Internal error. The operator finds it in the log under the request id {scope['state']['request_id']}"
    if not isinstance(error, NotFound):
        return str(error)
    path = scope["path"]
    shown = path if len(path) <= 200 else f"{path[:200]}…"  # noqa: PLR2004 - enough to know it by
    reason = str(error)
    return f"The requested resource {shown} was not found" + (f": {reason[:1].lower()}{reason[1:]}" if reason else "")


def _headers(error: Exception, scope: Scope) -> dict[str, str]:
    headers = {}
    # A browser that is challenged would keep the credentials, and add them to whatever any page sends here.
    if isinstance(error, Unauthorized) and not is_browser(Headers(scope=scope)):
        headers["WWW-Authenticate"] = 'Basic realm="Dayfile", charset="UTF-8"'
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = error.allowed
    if isinstance(error, RangeNotSatisfiable):
        headers["Content-Range"] = f"bytes */{error.size_bytes}"
    if (retry_after := getattr(error, "retry_after", None)) is not None:
        headers["Retry-After"] = str(retry_after)
    return headers
