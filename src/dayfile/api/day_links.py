"""Links to days: those that are asked for at once are looked up together, noted in one commit, and then given."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, cast

import structlog
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from dayfile.api import auth
from dayfile.api.context import Context, context_of
from dayfile.api.export_bodies import DayLinkBody
from dayfile.api.micro_batches import MicroBatches
from dayfile.api.readings import outcome
from dayfile.api.remembered_files import remembered_files_of
from dayfile.api.responses import json_response
from dayfile.model.credential import Permission
from dayfile.model.day import Day
from dayfile.model.export import DayFile
from dayfile.model.resource import parse_resource_type
from dayfile.web.day_link import check_published, make_day_link

MOST_LINKS: Final = 64
"""Limit of links that are looked up together."""

_log = structlog.get_logger()

DayLinks = MicroBatches[Request, Response]


def make_day_links() -> DayLinks:
    """Return the queue of requests for links of one app."""
    return MicroBatches(_give_all, name="link", most=MOST_LINKS)


def day_links_of(request: HTTPConnection) -> DayLinks:
    """Return the queue of the app that a request belongs to."""
    return cast("DayLinks", request.app.state.day_links)


def published_day(request: Request, *, permission: Permission) -> DayFile:
    """Return the day file that the path of a request names.

    Raises NotFound if the caller's account has none, or it has expired, and DamagedFile if its row names another file.
    """
    context, account = context_of(request), auth.customer(request, permission)
    kind = parse_resource_type(request.path_params["ResourceType"])
    wanted = Day.parse(request.path_params["Day"])
    with context.database.snapshot() as tx:
        found = tx.day_files.find(account.sid, kind, wanted, now=context.clock.now())
    return check_published(found, kind, wanted)


def _give_all(requests: Sequence[Request]) -> list[Response | Exception]:
    context, remembered = context_of(requests[0]), remembered_files_of(requests[0])
    began = context.clock.monotonic()
    with context.database.shared_snapshot():
        found = [
            outcome(request, lambda request=request: published_day(request, permission=Permission.DOWNLOADS_READ))  # type: ignore[misc]
            for request in requests
        ]
    for day_file in found:
        if isinstance(day_file, DayFile) and day_file.sealed is not None:
            remembered.keep(day_file.sealed, looked_up_at=began)
    now = context.clock.now()
    asked = list(zip(requests, found, strict=True))
    context.given_links.record_all(
        [(day_file, auth.actor(request)) for request, day_file in asked if isinstance(day_file, DayFile)], now=now
    )
    return [
        outcome(request, lambda request=request, day_file=day_file: _answer(context, request, day_file, now=now))  # type: ignore[misc]
        if isinstance(day_file, DayFile)
        else day_file
        for request, day_file in asked
    ]


def _answer(context: Context, request: Request, day_file: DayFile, *, now: datetime) -> Response:
    given = make_day_link(context, day_file, now=now)
    link, address = given.link, given.address
    _log.info(
        "link.given",
        path=link.path,
        sealed_day=link.sealed_day_id,
        expires_at=link.expires_at.isoformat(),
        caller=request.state.caller,
        request_id=request.state.request_id,
    )
    return json_response(
        DayLinkBody(redirect_to=address), status=307, headers={"Location": address, "Cache-Control": "no-store"}
    )
