"""Routes of accounts, for the operator: create, list, fetch, change, close. Not Twilio's; bodies are JSON.

A PUT names the sid and is idempotent; a POST creates another account each time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from dayfile.accounts.bring import Brought, EntriesRefused
from dayfile.api import auth
from dayfile.api.account_shapes import account_shape
from dayfile.api.context import context_of
from dayfile.api.exports import READ
from dayfile.api.paging import Cursor, PageUrls, Position, Side, parse_page_request, read_page
from dayfile.api.params import number_member, parse_members, text_member
from dayfile.api.request_bodies import read_json
from dayfile.api.responses import json_response
from dayfile.api.urls import Urls
from dayfile.errors import InvalidParameter, NotFound
from dayfile.model.account import KEEP_OLD_FOR, Account, AccountSid, parse_account_sid
from dayfile.model.account_entry import AccountEntry, Action, parse_entry
from dayfile.model.credential import Scope
from dayfile.model.strictjson import Value
from dayfile.store.transaction import Transaction

_NAMES: Final = {
    "sid": "account_sid",
    "token": "auth_token",
    "parent": "parent_account_sid",
    "state": "status",
    "friendly_name": "friendly_name",
    "email": "email",
}
_MEMBERS: Final = tuple(_NAMES[field] for field in ("friendly_name", "email", "parent", "state", "token"))
_KEEP: Final = "keep_old_token_for"
_LONGEST_KEEP: Final = timedelta(days=30)

router = APIRouter()


@router.api_route("/v1/Accounts", methods=READ)
def list_accounts(request: Request) -> Response:
    """List all accounts, in the order of their sids."""
    auth.operator(request, Scope.ACCOUNTS)
    context = context_of(request)
    urls = Urls(context.public_url)
    pages = PageUrls(url=urls.accounts, tokens=context.page_tokens, of="accounts")
    asked = parse_page_request(request.scope["query_string"], pages.tokens, of=pages.of)
    with context.database.snapshot() as tx:
        page = read_page(_AccountListing(tx), asked)
    accounts = [account_shape(urls, account) for account in page.items]
    return json_response({"meta": pages.meta(asked, page, key="accounts"), "accounts": accounts})


@router.post("/v1/Accounts")
async def create_account(request: Request) -> Response:
    """Create an account; its auth token is in this response only."""
    body = await read_json(request)
    return await run_in_threadpool(_create_account, request, body)


@router.api_route("/v1/Accounts/{account_sid}", methods=READ)
def fetch_account(request: Request, account_sid: str) -> Response:
    """Fetch one account."""
    auth.operator(request, Scope.ACCOUNTS)
    context, sid = context_of(request), known_sid(account_sid)
    with context.database.snapshot() as tx:
        account = tx.accounts.get(sid)
    return json_response(account_shape(Urls(context.public_url), account))


@router.put("/v1/Accounts/{account_sid}")
async def put_account(request: Request, account_sid: str) -> Response:
    """Create or update an account; members that are left out stay as they are."""
    body = await read_json(request)
    return await run_in_threadpool(_put_account, request, account_sid, body)


@router.delete("/v1/Accounts/{account_sid}")
def close_account(request: Request, account_sid: str) -> Response:
    """Close an account for good: its credentials stop working, its records stay."""
    auth.operator(request, Scope.ACCOUNTS)
    context_of(request).administration.by(auth.actor(request)).close(known_sid(account_sid))
    return Response(status_code=204)


def known_sid(text: str) -> AccountSid:
    """Return the account sid in a path; raises NotFound if the text cannot be one."""
    try:
        return parse_account_sid(text)
    except InvalidParameter as error:
        raise NotFound("an account sid is AC followed by 32 hexadecimal digits") from error


def _create_account(request: Request, body: bytes) -> Response:
    auth.operator(request, Scope.ACCOUNTS)
    members = parse_members(body, known=_MEMBERS)
    entry = _entry(context_of(request).administration.new_sid(), members)
    return _answer(request, entry, _bring(request, entry, keep_old_for=KEEP_OLD_FOR))


def _put_account(request: Request, account_sid: str, body: bytes) -> Response:
    auth.operator(request, Scope.ACCOUNTS)
    sid = parse_account_sid(account_sid)
    members = parse_members(body, known=(*_MEMBERS, _KEEP))
    keep_old_for = KEEP_OLD_FOR
    if _KEEP in members:
        longest = int(_LONGEST_KEEP.total_seconds())
        keep_old_for = timedelta(seconds=number_member(_KEEP, members.pop(_KEEP), largest=longest))
    entry = _entry(sid, members)
    return _answer(request, entry, _bring(request, entry, keep_old_for=keep_old_for))


def _entry(sid: AccountSid, members: dict[str, Value]) -> AccountEntry:
    texts = {field: text_member(name, members[name]) for field, name in _NAMES.items() if name in members}
    return parse_entry(
        texts | {"sid": sid}, names=_NAMES, read_sid=lambda text, name: parse_account_sid(text, name=name)
    )


def _bring(request: Request, entry: AccountEntry, *, keep_old_for: timedelta) -> Brought:
    try:
        return context_of(request).administration.by(auth.actor(request)).bring([entry], keep_old_for=keep_old_for)
    except EntriesRefused as refused:
        problem = refused.problems[0]
        raise replace(problem, field=_NAMES[problem.field]).as_error() from refused


def _answer(request: Request, entry: AccountEntry, brought: Brought) -> Response:
    urls = Urls(context_of(request).public_url)
    shape = dict(account_shape(urls, brought.accounts[entry.sid]))
    if brought.steps[0].action is not Action.CREATE:
        return json_response(shape)
    shape["auth_token"] = entry.token or brought.new_tokens[entry.sid]
    return json_response(shape, status=201, headers={"Location": urls.account(entry.sid), "Cache-Control": "no-store"})


@dataclass(frozen=True, slots=True)
class _AccountListing:
    """The list of all accounts."""

    tx: Transaction

    def read(self, cursor: Cursor | None, *, offset: int, limit: int) -> list[Account]:
        at = None if cursor is None else AccountSid(f"AC{cursor.position.detail}")
        return self.tx.accounts.listed(
            after=at if cursor and cursor.side is Side.AFTER else None,
            before=at if cursor and cursor.side is Side.BEFORE else None,
            offset=offset,
            limit=limit,
        )

    def position(self, item: Account) -> Position:
        return Position(0, item.sid.removeprefix("AC"))
