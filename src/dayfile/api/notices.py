"""Routes of notices: list, fetch with all attempts, replay. Dayfile's own, not Twilio's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from dayfile.api import auth
from dayfile.api.context import context_of
from dayfile.api.notice_bodies import FetchedNoticeBody, NoticeBody, NoticeListBody
from dayfile.api.openapi.operation import NOTICES, Answer, Operation, by_account, link
from dayfile.api.openapi.parameters import PAGES, in_path
from dayfile.api.openapi.schema import EVENT_SID, EVENT_SID_PATTERN, text
from dayfile.api.paging import Cursor, PageUrls, Position, Side, parse_page_request, read_page
from dayfile.api.responses import json_response
from dayfile.api.routes import Routes
from dayfile.errors import NotFound
from dayfile.model.account import Account
from dayfile.model.credential import Permission
from dayfile.model.notice import Notice, parse_event_sid
from dayfile.store.transaction import Transaction
from dayfile.web.urls import Urls

_EVENT_SID_IN_PATH: Final = in_path(
    "EventSid",
    text("The event's sid, as the receiver got it.", EVENT_SID, minLength=34, maxLength=34, pattern=EVENT_SID_PATTERN),
)

routes = Routes()


@routes.add(
    Operation(
        name="ListNotice",
        method="get",
        path="/v1/Notices",
        tag=NOTICES,
        summary="List notices",
        description="The account's notices, newest first; for a month after they ended, unless the operator has set "
        "another time.",
        who=(by_account(Permission.EXPORTS_READ),),
        parameters=PAGES,
        answers={
            200: Answer(
                NoticeListBody,
                says="One page of them.",
                links={
                    "FetchNotice": link(
                        "FetchNotice", says="The newest, in full.", EventSid="$response.body#/notices/0/event_sid"
                    )
                },
            )
        },
        failures=(400, 401, 403, 429, 500, 503),
    ),
    only_reads=True,
)
def list_notices(request: Request) -> Response:
    """List the account's notices, newest first."""
    context, account = context_of(request), auth.customer(request, Permission.EXPORTS_READ)
    urls = Urls(context.public_url)
    pages = PageUrls(url=urls.notices, tokens=context.page_tokens, of=f"{account.sid} notices")
    asked = parse_page_request(request.scope["query_string"], pages.tokens, of=pages.of)
    with context.database.snapshot() as tx:
        page = read_page(_NoticeListing(tx, account), asked)
    notices = [NoticeBody.of(urls, notice) for notice in page.items]
    return json_response(NoticeListBody(meta=pages.meta(asked, page.around, key="notices"), notices=notices))


@routes.add(
    Operation(
        name="FetchNotice",
        method="get",
        path="/v1/Notices/{EventSid}",
        tag=NOTICES,
        summary="Fetch a notice",
        description="One notice, with every attempt: when it was made, what the receiver answered, how long it took.",
        who=(by_account(Permission.EXPORTS_READ),),
        parameters=(_EVENT_SID_IN_PATH,),
        answers={
            200: Answer(
                FetchedNoticeBody,
                says="The notice.",
                links={
                    "CreateAttempt": link("CreateAttempt", says="Tell it again.", EventSid="$request.path.EventSid")
                },
            )
        },
        failures=(400, 401, 403, 404, 429, 500, 503),
    ),
    only_reads=True,
)
def fetch_notice(request: Request, event_sid: str) -> Response:
    """Fetch one notice, with every attempt."""
    context, account = context_of(request), auth.customer(request, Permission.EXPORTS_READ)
    sid = parse_event_sid(event_sid)
    with context.database.snapshot() as tx:
        notice = tx.notices.find(sid, account=account.sid)
        if notice is None:
            raise NotFound(f"there is no notice {sid}")
        attempts = tx.notices.attempts(sid)
    return json_response(FetchedNoticeBody.whole(Urls(context.public_url), notice, attempts))


@routes.add(
    Operation(
        name="CreateAttempt",
        method="post",
        path="/v1/Notices/{EventSid}/Attempts",
        tag=NOTICES,
        summary="Replay a notice",
        description="Send a notice that has ended again, under the same event sid and with the whole schedule of "
        "attempts. For a pending notice, the next attempt is made now, and the schedule goes on after it.",
        who=(by_account(Permission.JOBS_WRITE),),
        parameters=(_EVENT_SID_IN_PATH,),
        answers={
            202: Answer(
                NoticeBody,
                says="The notice, pending. The attempt follows.",
                links={
                    "FetchNotice": link("FetchNotice", says="What came of it.", EventSid="$response.body#/event_sid")
                },
            )
        },
        failures=(400, 401, 403, 404, 429, 500, 503),
    )
)
def replay_notice(request: Request, event_sid: str) -> Response:
    """Replay a notice, ended or pending. Answers 202, since the attempt follows later."""
    context, account = context_of(request), auth.customer(request, Permission.JOBS_WRITE)
    notice = context.replay.replay(parse_event_sid(event_sid), actor=auth.actor(request), account=account.sid)
    return json_response(NoticeBody.of(Urls(context.public_url), notice), status=202)


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
