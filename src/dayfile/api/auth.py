"""Who is asking: HTTP Basic credentials of a request, checked by the accounts stage."""

from __future__ import annotations

import base64
import binascii
import re

from starlette.requests import Request

from dayfile.api.context import context_of
from dayfile.errors import Unauthorized
from dayfile.model.account import Account
from dayfile.model.credential import Caller, Permission

_SID = re.compile(r"[A-Z]{2}[0-9a-f]{32}", re.ASCII)


def caller(request: Request) -> Caller:
    """The owner of the credentials that a request brings; it reads the database, so call it in a thread.

    Raises Unauthorized where there are none or they are not known here, AccountSuspended where they are not good now.
    """
    username, password = read_basic(request.headers.get("authorization", ""))
    found = context_of(request).authenticator.authenticate(username, password)
    request.state.caller = found.credential  # for the line in the log
    return found


def customer(request: Request, permission: Permission) -> Account:
    """The account whose exports a request is about.

    As `caller`, and raises Forbidden for a key without the permission and for an operator's.
    """
    return caller(request).customer(permission)


def read_basic(authorization: str) -> tuple[str, str]:
    """User name and password of an Authorization header; raises Unauthorized unless it can be one of ours."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise Unauthorized("Authenticate")
    try:
        username, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise Unauthorized("Authenticate") from error
    # What cannot be a sid is not worth a question to the database, which need not even be able to hold it.
    if not colon or not _SID.fullmatch(username):
        raise Unauthorized("Authenticate")
    return username, password
