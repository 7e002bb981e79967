"""Routes of exports: an account's resource types and their day files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from dayfile.api import auth, shapes
from dayfile.api.context import context_of
from dayfile.api.paging import Cursor, PageUrls, Position, Side, parse_page_request, read_page
from dayfile.api.responses import json_response
from dayfile.api.urls import Urls
from dayfile.errors import DamagedFile, NotFound
from dayfile.files.links import Link
from dayfile.model.account import Account
from dayfile.model.credential import Permission
from dayfile.model.day import Day
from dayfile.model.export import DayFile
from dayfile.model.resource import ResourceType, parse_resource_type
from dayfile.store.transaction import Transaction

READ = ["GET", "HEAD"]

router = APIRouter()
_log = structlog.get_logger()


@router.api_route("/v1/Exports/{resource_type}", methods=READ)
def fetch_export(request: Request, resource_type: str) -> Response:
    """Fetch the URLs of a resource type's days and jobs."""
    auth.customer(request, Permission.EXPORTS_READ)
    urls = Urls(context_of(request).public_url)
    return json_response(shapes.export_shape(urls, parse_resource_type(resource_type)))


@router.api_route("/v1/Exports/{resource_type}/Days", methods=READ)
def list_days(request: Request, resource_type: str) -> Response:
    """List the account's day files in the order of their publication."""
    context, account = context_of(request), auth.customer(request, Permission.EXPORTS_READ)
    kind = parse_resource_type(resource_type)
    pages = PageUrls(
        url=Urls(context.public_url).days(kind), tokens=context.page_tokens, of=f"{account.sid} {kind} days"
    )
    asked = parse_page_request(request.scope["query_string"], pages.tokens, of=pages.of)
    now = context.clock.now()
    with context.database.snapshot() as tx:
        page = read_page(_DayListing(tx, account, kind, now), asked)
    days = [shapes.day_shape(day_file) for day_file in page.items]
    return json_response({"meta": pages.meta(asked, page, key="days"), "days": days})


@router.api_route("/v1/Exports/{resource_type}/Days/{day}", methods=READ)
def fetch_day(request: Request, resource_type: str, day: str) -> Response:
    """Redirect to the day's file by a presigned link: in the body for Twilio's clients, in Location for others."""
    context = context_of(request)
    day_file = published_day(request, resource_type, day, permission=Permission.DOWNLOADS_READ)
    now = context.clock.now()
    context.given_links.record(day_file, actor=auth.actor(request), now=now)
    link = Link.to(day_file, expires_at=now + context.link_lifetime)
    address = Urls(context.public_url).download(context.links.sign(link))
    _log.info(
        "link.given",
        path=link.path,
        sealed_day=link.sealed_day_id,
        expires_at=link.expires_at.isoformat(),
        caller=request.state.caller,
        request_id=request.state.request_id,
    )
    return json_response(
        {"redirect_to": address}, status=307, headers={"Location": address, "Cache-Control": "no-store"}
    )


def published_day(request: Request, resource_type: str, day: str, *, permission: Permission) -> DayFile:
    """Return the day file that a request names.

    Raises NotFound if the caller's account has none, or it has expired, and DamagedFile if its row names another file.
    """
    context, account = context_of(request), auth.customer(request, permission)
    kind, wanted = parse_resource_type(resource_type), Day.parse(day)
    with context.database.snapshot() as tx:
        found = tx.day_files.find(account.sid, kind, wanted, now=context.clock.now())
    if found is None:
        raise NotFound(f"no file of {kind} for {wanted} is published, or it has expired: create a job for that day")
    if not found.is_of_its_owner:
        raise DamagedFile(str(kind), str(wanted))  # a row that was edited, or went bad: `check` names it
    return found


@dataclass(frozen=True, slots=True)
class _DayListing:
    """The list of an account's day files of one type."""

    tx: Transaction
    account: Account
    resource_type: ResourceType
    now: datetime

    def read(self, cursor: Cursor | None, *, offset: int, limit: int) -> list[DayFile]:
        at = None if cursor is None else (cursor.position.rank, Day.parse(cursor.position.detail))
        return self.tx.day_files.page(
            self.account.sid,
            self.resource_type,
            after=at if cursor and cursor.side is Side.AFTER else None,
            before=at if cursor and cursor.side is Side.BEFORE else None,
            offset=offset,
            limit=limit,
            now=self.now,
        )

    def position(self, item: DayFile) -> Position:
        return Position(item.generation, str(item.day))
