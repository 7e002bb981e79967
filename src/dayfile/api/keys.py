"""Routes of an account's API keys, for the operator and the account: list, create, revoke. Bodies are JSON."""

from __future__ import annotations

from enum import Enum
from typing import Final, TypeVar

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from dayfile.api import auth
from dayfile.api.account_shapes import key_shape
from dayfile.api.accounts import known_sid
from dayfile.api.context import context_of
from dayfile.api.exports import READ
from dayfile.api.params import check_length, parse_members, text_member
from dayfile.api.request_bodies import read_json
from dayfile.api.responses import json_response
from dayfile.errors import InvalidParameter, NotFound
from dayfile.model.account import AccountSid
from dayfile.model.account_entry import LONGEST_NAME
from dayfile.model.credential import KeyKind, Permission, Scope, parse_key_sid
from dayfile.model.sid import canonical_sid
from dayfile.model.strictjson import Value

_MEMBERS: Final = ("friendly_name", "kind", "permissions")
E = TypeVar("E", bound=Enum)

router = APIRouter()


@router.api_route("/v1/Accounts/{account_sid}/Keys", methods=READ)
def list_keys(request: Request, account_sid: str) -> Response:
    """List the account's keys, oldest first, revoked ones included."""
    sid = _account(request, account_sid)
    with context_of(request).database.snapshot() as tx:
        tx.accounts.get(sid)
        keys = tx.keys.listed(account=sid)
    return json_response({"keys": [key_shape(key) for key in keys]})


@router.post("/v1/Accounts/{account_sid}/Keys")
async def create_key(request: Request, account_sid: str) -> Response:
    """Create a key of the account; its secret is in this response only."""
    body = await read_json(request)
    return await run_in_threadpool(_create_key, request, account_sid, body)


@router.delete("/v1/Accounts/{account_sid}/Keys/{key_sid}")
def revoke_key(request: Request, account_sid: str, key_sid: str) -> Response:
    """Revoke a key, with immediate effect."""
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
    shape = dict(key_shape(new.key)) | {"secret": new.secret}
    return json_response(shape, status=201, headers={"Cache-Control": "no-store"})


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
