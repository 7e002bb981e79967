"""Routes of notices: list, fetch with all attempts, replay. Dayfile's own, not Twilio's."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from dayfile.api import auth, shapes
from dayfile.api.context import context_of
from dayfile.api.exports import READ
from dayfile.api.paging import Cursor, PageUrls, Position, Side, parse_page_request, read_page
from dayfile.api.responses import json_response
from dayfile.api.urls import Urls
from dayfile.errors import NotFound
from dayfile.model.account import Account
from dayfile.model.credential import Permission
from dayfile.model.notice import Notice, parse_event_sid
from dayfile.store.transaction import Transaction

router = APIRouter()


@router.api_route("/v1/Notices", methods=READ)
def list_notices(request: Request) -> Response:
    """List the account's notices, newest first."""
    context, account = context_of(request), auth.customer(request, Permission.EXPORTS_READ)
    urls = Urls(context.public_url)
    pages = PageUrls(url=urls.notices, tokens=context.page_tokens, of=f"{account.sid} notices")
    asked = parse_page_request(request.scope["query_string"], pages.tokens, of=pages.of)
    with context.database.snapshot() as tx:
        page = read_page(_NoticeListing(tx, account), asked)
    notices = [shapes.notice_shape(urls, notice) for notice in page.items]
    return json_response({"meta": pages.meta(asked, page, key="notices"), "notices": notices})


@router.api_route("/v1/Notices/{event_sid}", methods=READ)
def fetch_notice(request: Request, event_sid: str) -> Response:
    """Fetch one notice, with every attempt."""
    context, account = context_of(request), auth.customer(request, Permission.EXPORTS_READ)
    sid = parse_event_sid(event_sid)
    with context.database.snapshot() as tx:
        notice = tx.notices.find(sid, account=account.sid)
        if notice is None:
            raise NotFound(f"there is no notice {sid}")
        attempts = tx.notices.attempts(sid)
    return json_response(shapes.fetched_notice_shape(Urls(context.public_url), notice, attempts))


@router.post("/v1/Notices/{event_sid}/Attempts")
def replay_notice(request: Request, event_sid: str) -> Response:
    """Replay a notice, ended or pending. Answers 202, since the attempt follows later."""
    context, account = context_of(request), auth.customer(request, Permission.JOBS_WRITE)
    notice = context.replay.replay(parse_event_sid(event_sid), actor=auth.actor(request), account=account.sid)
    return json_response(shapes.notice_shape(Urls(context.public_url), notice), status=202)


@dataclass(frozen=True, slots=True)
class _NoticeListing:
    """The list of an account's notices."""

    tx: Transaction
    account: Account

    def read(self, cursor: Cursor | None, *, offset: int, limit: int) -> list[Notice]:
        # Newest first: the notices after one on the list were written before it.
        return self.tx.notices.page(
            account=self.account.sid,
            before=cursor.position.rank if cursor and cursor.side is Side.AFTER else None,
            after=cursor.position.rank if cursor and cursor.side is Side.BEFORE else None,
            offset=offset,
            limit=limit,
        )

    def position(self, item: Notice) -> Position:
        return Position(item.number)
