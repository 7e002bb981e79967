"""Authentication of requests: HTTP Basic credentials, checked by the accounts stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.requests import Request

from dayfile.accounts.authenticate import Authenticator
from dayfile.api.context import context_of
from dayfile.errors import DayfileError, Unauthorized
from dayfile.model.account import Account
from dayfile.model.credential import Actor, Caller, Permission, Scope
from dayfile.web.basic import BasicLogin, note_failed_login, read_login, sent_login
from dayfile.web.concurrency import concurrency_of
from dayfile.web.cross_site import READS


def caller(request: Request) -> Caller:
    """Return the owner of a request's credentials; may read the database, so call it in a thread.

    Raises Unauthorized for missing or unknown credentials, AccountSuspended if their account is not active.
    """
    scope, authenticator = request.scope, context_of(request).authenticator
    sent = sent_login(scope) if scope["method"] in READS else None
    found = authenticator.find_reader(sent) if sent else None
    if found is None:
        found = _looked_up(request, authenticator, sent)
    scope["state"]["caller"] = found.credential  # for the line in the log
    return found


def _looked_up(request: Request, authenticator: Authenticator, sent: bytes | None) -> Caller:
    """Return the owner of a request's credentials as of now; `sent` is what a reader is remembered by."""
    login = _login_or_not(request)
    if isinstance(login, Unauthorized):
        raise login
    try:
        if sent is None:
            return authenticator.authenticate(*login)
        return authenticator.authenticate_reader(*login, sent=sent)
    except Unauthorized:
        note_failed_login(request.scope, login.username)
        raise


def callers(requests: Sequence[Request]) -> list[Caller | DayfileError]:
    """Return the caller, or the error that `caller` would raise, for each of some requests; one query for all.

    What several have sent alike is read and judged once.
    """
    read: dict[str | None, BasicLogin | None] = {}
    logins = [_read_once(request, read) for request in requests]
    known = list({login for login in logins if login is not None and login.may_exist})
    owners = context_of(requests[0]).authenticator.authenticate_all(known) if known else ()
    outcomes = dict(zip(known, owners, strict=True))
    return [_noted(request, login, outcomes) for request, login in zip(requests, logins, strict=True)]


def _read_once(request: Request, read: dict[str | None, BasicLogin | None]) -> BasicLogin | None:
    given = request.headers.get("authorization")
    if given not in read:
        read[given] = read_login(request.headers)
    return read[given]


def _noted(
    request: Request, login: BasicLogin | None, outcomes: Mapping[BasicLogin, Caller | DayfileError]
) -> Caller | DayfileError:
    """Return what came of a login, and note it for the line in the log and for the delay of wrong ones."""
    owner = Unauthorized("Authenticate") if login is None else outcomes.get(login, Unauthorized("Authenticate"))
    if isinstance(owner, Caller):
        request.state.caller = owner.credential
    elif isinstance(owner, Unauthorized) and login is not None:
        note_failed_login(request.scope, login.username)
    return owner


def admitted(request: Request) -> Caller:
    """Return the caller, and count the request as one of its account until it is answered.

    Raises what `caller` raises, and TooManyRequests if the account has as many requests as it may have at once. An
    operator's requests are not counted.
    """
    return counted(request, caller(request))


def counted(request: Request, found: Caller) -> Caller:
    """Count a request as one of its caller's account, and return the caller; raises TooManyRequests."""
    if found.account is not None:
        concurrency_of(request.scope).enter(request.scope, found.account.sid)
    return found


def customer(request: Request, permission: Permission) -> Account:
    """Return the account whose exports a request is about.

    Raises what `admitted` raises, and Forbidden for a key without the permission and for an operator's key.
    """
    return admitted(request).customer(permission)


def operator(request: Request, scope: Scope) -> Caller:
    """Return the operator that a request comes from; raises what `caller` raises, and Forbidden without the scope."""
    found = caller(request)
    found.require(scope)
    return found


def actor(request: Request) -> Actor:
    """Return the actor of a request for the audit log. Call it after `caller` or one of its variants."""
    return Actor(name=request.state.caller, address=request.state.client or None)


def _login_or_not(request: Request) -> BasicLogin | Unauthorized:
    login = read_login(request.headers)
    if login is not None and login.may_exist:
        return login
    if login is not None:
        note_failed_login(request.scope, login.username)
    return Unauthorized("Authenticate")
