"""Routes of an account's API keys, for the operator and the account: list, create, revoke. Bodies are JSON."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from dayfile.api import auth
from dayfile.api.account_bodies import KEY_SID, KINDS, KeyBody, KeyListBody, NewKeyBody
from dayfile.api.accounts import ACCOUNT_SID_IN_PATH, known_sid
from dayfile.api.context import context_of
from dayfile.api.openapi.operation import ACCOUNTS, Answer, Operation, by_account, by_operator, link
from dayfile.api.openapi.parameters import in_path, json_body
from dayfile.api.openapi.schema import Node, text
from dayfile.api.request_bodies import read_json
from dayfile.api.responses import json_response
from dayfile.api.routes import Routes
from dayfile.errors import InvalidParameter, NotFound
from dayfile.model.account import AccountSid
from dayfile.model.account_entry import LONGEST_NAME
from dayfile.model.credential import GRANTABLE, KeyKind, Permission, Scope, parse_key_sid
from dayfile.model.sid import canonical_sid
from dayfile.model.strictjson import Value
from dayfile.web.params import check_length, parse_members, text_member

_MEMBERS: Final[Mapping[str, Node]] = {
    "friendly_name": {"type": "string", "maxLength": LONGEST_NAME, "description": "Any name."},
    "kind": {
        "enum": KINDS,
        "description": "`main` may do everything, `standard` everything but manage keys, `restricted` what "
        "`permissions` lists.",
    },
    "permissions": {
        "type": "array",
        "items": {"enum": [permission.value for permission in Permission if permission in GRANTABLE]},
        "description": "The permissions of a restricted key.",
    },
}
_KEY_SID_IN_PATH: Final = in_path("KeySid", text("The key's sid.", KEY_SID))
_OPERATOR_OR_OWNER: Final = (by_operator(Scope.ACCOUNTS), by_account(Permission.KEYS_WRITE))
E = TypeVar("E", bound=Enum)

routes = Routes()


@routes.add(
    Operation(
        name="ListKey",
        method="get",
        path="/v1/Accounts/{AccountSid}/Keys",
        tag=ACCOUNTS,
        summary="List API keys",
        description="All keys of an account, oldest first, revoked ones too.",
        who=_OPERATOR_OR_OWNER,
        parameters=(ACCOUNT_SID_IN_PATH,),
        answers={200: Answer(KeyListBody, says="The keys.")},
        failures=(400, 401, 403, 404, 429, 500, 503),
    )
)
def list_keys(request: Request, account_sid: str) -> Response:
    """List the account's keys, oldest first, revoked ones included."""
    sid = _account(request, account_sid)
    with context_of(request).database.snapshot() as tx:
        tx.accounts.get(sid)
        keys = tx.keys.listed(account=sid)
    return json_response(KeyListBody(keys=[KeyBody.of(key, account=sid) for key in keys]))


@routes.add(
    Operation(
        name="CreateKey",
        method="post",
        path="/v1/Accounts/{AccountSid}/Keys",
        tag=ACCOUNTS,
        summary="Create an API key",
        description="Make an API key. An operator's key makes keys for any account; an auth token or a main key, for "
        "its own account.",
        who=_OPERATOR_OR_OWNER,
        parameters=(ACCOUNT_SID_IN_PATH,),
        body=json_body("The key.", _MEMBERS, example={"permissions": ["exports:read", "downloads:read"]}),
        answers={
            201: Answer(
                NewKeyBody,
                says="The key, with its secret.",
                links={
                    "RevokeKey": link(
                        "RevokeKey", says="End it.", AccountSid="$request.path.AccountSid", KeySid="$response.body#/sid"
                    )
                },
            )
        },
        failures=(400, 401, 403, 404, 409, 413, 429, 500, 503),
    )
)
async def create_key(request: Request, account_sid: str) -> Response:
    """Create a key of the account; its secret is in this response only."""
    body = await read_json(request)
    return await run_in_threadpool(_create_key, request, account_sid, body)


@routes.add(
    Operation(
        name="RevokeKey",
        method="delete",
        path="/v1/Accounts/{AccountSid}/Keys/{KeySid}",
        tag=ACCOUNTS,
        summary="Revoke an API key",
        description="The key stops working at once; other processes of the server may answer GET requests with it for "
        "3 seconds more. It stays on the list, and revoking it again changes nothing.",
        who=_OPERATOR_OR_OWNER,
        parameters=(ACCOUNT_SID_IN_PATH, _KEY_SID_IN_PATH),
        answers={204: Answer(says="It is revoked.")},
        failures=(400, 401, 403, 404, 429, 500, 503),
    )
)
def revoke_key(request: Request, account_sid: str, key_sid: str) -> Response:
    """Revoke a key."""
    sid = _account(request, account_sid)
    administration = context_of(request).administration.by(auth.actor(request))
    administration.revoke_key(parse_key_sid(key_sid), account=sid)
    return Response(status_code=204)


def _create_key(request: Request, account_sid: str, body: bytes) -> Response:
    sid = _account(request, account_sid)
    members = parse_members(body, known=_MEMBERS)
    name = text_member("friendly_name", members.get("friendly_name", ""))
    permissions = [_read("permissions", Permission, one) for one in _list(members.get("permissions", []))]
    default = KeyKind.RESTRICTED if permissions else KeyKind.STANDARD
    new = (
        context_of(request)
        .administration.by(auth.actor(request))
        .create_key(
            account=sid,
            kind=_read("kind", KeyKind, members["kind"]) if "kind" in members else default,
            permissions=permissions,
            friendly_name=check_length("friendly_name", name, longest=LONGEST_NAME) if name else "",
        )
    )
    shown = KeyBody.of(new.key, account=sid).extended(NewKeyBody, secret=new.secret)
    return json_response(shown, status=201, headers={"Cache-Control": "no-store"})


def _account(request: Request, account_sid: str) -> AccountSid:
    """Return the account in the path, whose keys the caller may see and change.

    Raises Forbidden for callers that may not manage keys, and NotFound for an account other than their own.
    """
    caller = auth.admitted(request)
    if caller.account is None:
        caller.require(Scope.ACCOUNTS)
        return known_sid(account_sid)
    own = caller.customer(Permission.KEYS_WRITE).sid
    if canonical_sid(account_sid, prefix="AC") != own:
        raise NotFound("")
    return own


def _list(value: Value) -> list[Value]:
    if not isinstance(value, list):
        raise InvalidParameter("permissions", "must be a list of texts")
    return value


def _read(name: str, kind: type[E], value: Value) -> E:
    text = text_member(name, value)
    try:
        return kind(text)
    except ValueError as error:
        raise InvalidParameter(name, f"must be one of {', '.join(one.value for one in kind)}", text) from error
