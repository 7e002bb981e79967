"""Routes of accounts, for the operator: create, list, fetch, change, close. Not Twilio's; bodies are JSON.

A PUT names the sid and is idempotent; a POST creates another account each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from dayfile.accounts.bring import Brought, EntriesRefused
from dayfile.api import auth
from dayfile.api.account_bodies import TOKEN, AccountBody, AccountListBody, NewAccountBody
from dayfile.api.context import context_of
from dayfile.api.openapi.operation import ACCOUNTS, Answer, Operation, by_operator, link
from dayfile.api.openapi.parameters import PAGES, in_path, json_body
from dayfile.api.openapi.schema import ACCOUNT_SID, Node, text
from dayfile.api.paging import Cursor, PageUrls, Position, Side, parse_page_request, read_page
from dayfile.api.request_bodies import read_json
from dayfile.api.responses import json_response
from dayfile.api.routes import Routes
from dayfile.errors import InvalidParameter, NotFound
from dayfile.model.account import KEEP_OLD_FOR, LONGEST_TOKEN, SHORTEST_TOKEN, Account, AccountSid, parse_account_sid
from dayfile.model.account_entry import LONGEST_NAME, AccountEntry, Action, parse_entry
from dayfile.model.credential import Scope
from dayfile.model.email import LONGEST_EMAIL
from dayfile.model.strictjson import Value
from dayfile.store.transaction import Transaction
from dayfile.web.params import number_member, parse_members, text_member
from dayfile.web.urls import Urls

GIVEN_ACCOUNT_SID_PATTERN: Final = "^AC[0-9a-fA-F]{32}$"  # upper-case digits name the same account, too

_NAMES: Final = {
    "sid": "account_sid",
    "token": "auth_token",
    "parent": "parent_account_sid",
    "state": "status",
    "friendly_name": "friendly_name",
    "email": "email",
}
_LONGEST_KEEP: Final = timedelta(days=30)
_MEMBERS: Final[Mapping[str, Node]] = {
    "friendly_name": {"type": "string", "maxLength": LONGEST_NAME, "description": "Any name."},
    "email": {
        "type": "string",
        "maxLength": LONGEST_EMAIL,
        "description": "The address of its owner; empty for none.",
    },
    "parent_account_sid": {
        "type": "string",
        "pattern": GIVEN_ACCOUNT_SID_PATTERN,
        "description": "The parent: an account that has no parent itself. It cannot be changed.",
    },
    "status": {"enum": ["active", "suspended"], "description": "Whether its credentials work."},
    "auth_token": {
        "type": "string",
        "pattern": f"^[!-~]{{{SHORTEST_TOKEN},{LONGEST_TOKEN}}}$",
        "description": "The auth token, if the owner has one already; otherwise one is made. For an existing account, "
        "a different token is a rotation. Twilio's library for Go works with letters and digits only.",
    },
}
_KEEP: Final = "keep_old_token_for"
_MEMBERS_OF_PUT: Final[Mapping[str, Node]] = {
    **_MEMBERS,
    _KEEP: {
        "type": "integer",
        "minimum": 0,
        "maximum": int(_LONGEST_KEEP.total_seconds()),
        "default": int(KEEP_OLD_FOR.total_seconds()),
        "description": "The number of seconds for which a replaced token still works.",
    },
}

ACCOUNT_SID_IN_PATH: Final = in_path(
    "AccountSid", text("The account's sid.", ACCOUNT_SID, pattern=GIVEN_ACCOUNT_SID_PATTERN)
)

routes = Routes()


@routes.add(
    Operation(
        name="ListAccount",
        method="get",
        path="/v1/Accounts",
        tag=ACCOUNTS,
        summary="List accounts",
        description="All accounts, closed ones too, in the order of their sids.",
        who=(by_operator(Scope.ACCOUNTS),),
        parameters=PAGES,
        answers={200: Answer(AccountListBody, says="One page of them.")},
        failures=(400, 401, 403, 429, 500, 503),
    )
)
def list_accounts(request: Request) -> Response:
    """List all accounts, in the order of their sids."""
    auth.operator(request, Scope.ACCOUNTS)
    context = context_of(request)
    urls = Urls(context.public_url)
    pages = PageUrls(url=urls.accounts, tokens=context.page_tokens, of="accounts")
    asked = parse_page_request(request.scope["query_string"], pages.tokens, of=pages.of)
    with context.database.snapshot() as tx:
        page = read_page(_AccountListing(tx), asked)
    accounts = [AccountBody.of(urls, account) for account in page.items]
    return json_response(AccountListBody(meta=pages.meta(asked, page.around, key="accounts"), accounts=accounts))


@routes.add(
    Operation(
        name="CreateAccount",
        method="post",
        path="/v1/Accounts",
        tag=ACCOUNTS,
        summary="Create an account",
        description="Make an account. The same request sent again makes another account; a PUT can be repeated.",
        who=(by_operator(Scope.ACCOUNTS),),
        body=json_body("The account.", _MEMBERS, example={"friendly_name": "Acme"}),
        answers={
            201: Answer(
                NewAccountBody,
                says="The account, with its token.",
                headers=("Location",),
                links={"FetchAccount": link("FetchAccount", says="See it.", AccountSid="$response.body#/account_sid")},
            )
        },
        failures=(400, 401, 403, 413, 429, 500, 503),
    )
)
async def create_account(request: Request) -> Response:
    """Create an account; its auth token is in this response only."""
    body = await read_json(request)
    return await run_in_threadpool(_create_account, request, body)


@routes.add(
    Operation(
        name="FetchAccount",
        method="get",
        path="/v1/Accounts/{AccountSid}",
        tag=ACCOUNTS,
        summary="Fetch an account",
        description="One account. Its token is not shown.",
        who=(by_operator(Scope.ACCOUNTS),),
        parameters=(ACCOUNT_SID_IN_PATH,),
        answers={200: Answer(AccountBody, says="The account.")},
        failures=(400, 401, 403, 404, 429, 500, 503),
    )
)
def fetch_account(request: Request, account_sid: str) -> Response:
    """Fetch one account."""
    auth.operator(request, Scope.ACCOUNTS)
    context, sid = context_of(request), known_sid(account_sid)
    with context.database.snapshot() as tx:
        account = tx.accounts.get(sid)
    return json_response(AccountBody.of(Urls(context.public_url), account))


@routes.add(
    Operation(
        name="PutAccount",
        method="put",
        path="/v1/Accounts/{AccountSid}",
        tag=ACCOUNTS,
        summary="Create or change an account",
        description="Create the account, or change it to what is sent. The request can be repeated: the second time "
        "it changes nothing.",
        who=(by_operator(Scope.ACCOUNTS),),
        parameters=(ACCOUNT_SID_IN_PATH,),
        body=json_body(
            "The account. Members that are left out stay as they are.",
            _MEMBERS_OF_PUT,
            example={"friendly_name": "Acme", "auth_token": TOKEN},
        ),
        answers={
            200: Answer(AccountBody, says="The account as it is now."),
            201: Answer(
                NewAccountBody, says="The account was created. No other answer shows its token.", headers=("Location",)
            ),
        },
        failures=(400, 401, 403, 409, 413, 429, 500, 503),
    )
)
async def put_account(request: Request, account_sid: str) -> Response:
    """Create or update an account; members that are left out stay as they are."""
    body = await read_json(request)
    return await run_in_threadpool(_put_account, request, account_sid, body)


@routes.add(
    Operation(
        name="CloseAccount",
        method="delete",
        path="/v1/Accounts/{AccountSid}",
        tag=ACCOUNTS,
        summary="Close an account",
        description="Close an account for good: its credentials and keys stop working, its records stay. Refused "
        "while it has subaccounts that are not closed.",
        who=(by_operator(Scope.ACCOUNTS),),
        parameters=(ACCOUNT_SID_IN_PATH,),
        answers={204: Answer(says="It is closed.")},
        failures=(400, 401, 403, 404, 409, 429, 500, 503),
    )
)
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
    members = parse_members(body, known=_MEMBERS_OF_PUT)
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
    body = AccountBody.of(urls, brought.accounts[entry.sid])
    if brought.steps[0].action is not Action.CREATE:
        return json_response(body)
    new = body.extended(NewAccountBody, auth_token=entry.token or brought.new_tokens[entry.sid])
    return json_response(new, status=201, headers={"Location": urls.account(entry.sid), "Cache-Control": "no-store"})


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
