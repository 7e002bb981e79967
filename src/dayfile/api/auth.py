"""Who is asking: HTTP Basic credentials of a request, checked by the accounts stage."""

from __future__ import annotations

import re
from collections.abc import Sequence

from starlette.requests import Request

from dayfile.api.concurrency import concurrency_of
from dayfile.api.context import context_of
from dayfile.api.failed_logins import FAILED
from dayfile.errors import DayfileError, Unauthorized
from dayfile.model.account import Account
from dayfile.model.credential import Actor, Caller, Permission, Scope
from dayfile.web.basic import read_basic

_SID = re.compile(r"[A-Z]{2}[0-9a-f]{32}", re.ASCII)


def caller(request: Request) -> Caller:
    """The owner of the credentials that a request brings; it reads the database, so call it in a thread.

    Raises Unauthorized where there are none or they are not known here, AccountSuspended where they are not good now.
    """
    found = callers([request])[0]
    if isinstance(found, Caller):
        return found
    raise found


def callers(requests: Sequence[Request]) -> list[Caller | DayfileError]:
    """As `caller` for each of some requests to one app, in one question; what it would raise is in its place."""
    logins = [_login_or_not(request) for request in requests]
    known = [login for login in logins if isinstance(login, tuple)]
    owners = iter(context_of(requests[0]).authenticator.authenticate_all(known) if known else ())
    found: list[Caller | DayfileError] = [next(owners) if isinstance(login, tuple) else login for login in logins]
    for request, login, owner in zip(requests, logins, found, strict=True):
        if isinstance(owner, Caller):
            request.state.caller = owner.credential  # for the line in the log
        elif isinstance(owner, Unauthorized) and isinstance(login, tuple):
            request.scope["state"][FAILED] = login[0]
    return found


def admitted(request: Request) -> Caller:
    """As `caller`, and counted among the requests of the caller's account until it is answered.

    Raises TooManyRequests when there are as many of them as may be. An operator's are not counted.
    """
    return counted(request, caller(request))


def counted(request: Request, found: Caller) -> Caller:
    """Count a request among those of its caller's account and return the caller; raises what `admitted` raises."""
    if found.account is not None:
        concurrency_of(request.scope).enter(request.scope, found.account.sid)
    return found


def customer(request: Request, permission: Permission) -> Account:
    """The account whose exports a request is about.

    As `admitted`, and raises Forbidden for a key without the permission and for an operator's.
    """
    return admitted(request).customer(permission)


def operator(request: Request, scope: Scope) -> Caller:
    """The operator's key that a request brings; as `caller`, and raises Forbidden for one without the scope."""
    found = caller(request)
    found.require(scope)
    return found


def actor(request: Request) -> Actor:
    """Return the author of what a request does, for the audit log; its caller is known already."""
    return Actor(name=request.state.caller, address=request.state.client or None)


def _login_or_not(request: Request) -> tuple[str, str] | Unauthorized:
    authorization = request.headers.get("authorization", "")
    username, password = read_basic(authorization)
    # What cannot be a sid is not worth a question to the database, which need not even be able to hold it.
    if _SID.fullmatch(username):
        return username, password
    if authorization:
        request.scope["state"][FAILED] = username
    return Unauthorized("Authenticate")
