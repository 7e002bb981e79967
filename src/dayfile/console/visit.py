"""Visits of users who are signed in: a session is found, a form is checked, and only then is a page made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Generic, TypeVar
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dayfile.accounts.sessions import SignedIn
from dayfile.console.instance import CustomerInstance, Instance, OperatorInstance
from dayfile.console.paths import CONSOLE_PATH, NO_STORE, OPERATOR_PATH, SIGN_IN_PATH, lead_to
from dayfile.console.sign_in import address_of, check_form
from dayfile.errors import Forbidden, InvalidBody
from dayfile.model.account import Account
from dayfile.model.credential import Actor, Caller, Permission, Scope
from dayfile.web.concurrency import concurrency_of
from dayfile.web.form import read_page_form
from dayfile.web.limits import Limits
from dayfile.web.session_cookie import SessionCookie
from dayfile.web.sheet import Filled

# A URL of 2,048 characters, percent-encoded, and the rest of a job. It is less than a connection gives of a body:
# whoever waited for more than that, to see that a form is too large, would wait until the connection is closed.
_FORM_BYTES: Final = Limits().unauthorized_body_bytes - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedInVisit:
    """One request of a user who is signed in."""

    request: Request = field(repr=False)
    caller: Caller
    form_token: str = field(repr=False)  # for the forms of the page
    form: Mapping[str, str] = field(repr=False)  # that was sent; empty for a GET
    now: datetime

    @property
    def actor(self) -> Actor:
        """The actor for the audit log."""
        return Actor(name=self.caller.credential, address=address_of(self.request))

    def asked(self, name: str, default: str = "") -> str:
        """Return a parameter of the query."""
        return self.request.query_params.get(name, default)

    def asked_number(self, name: str) -> int | None:
        """Return a parameter of the query that is a number of a row; None for any other text."""
        text = self.asked(name)
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None  # noqa: PLR2004 - 64 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit(SignedInVisit):
    """One request of a customer."""

    instance: CustomerInstance = field(repr=False)
    account: Account

    def may(self, permission: Permission) -> bool:
        """Return True if the credential of the session has a permission."""
        return permission in self.caller.permissions


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorVisit(SignedInVisit):
    """One request of the operator."""

    instance: OperatorInstance = field(repr=False)

    def may(self, scope: Scope) -> bool:
        """Return True if the key of the session has a scope."""
        return scope in self.caller.scopes


Page = Response | Filled
"""The answer to a visit: one that is whole, or a page that is still to be rendered."""

V = TypeVar("V", bound=SignedInVisit)
Need = TypeVar("Need")
"""A permission or scope that a page needs."""


class SignedInRoutes(ABC, Generic[V, Need]):
    """The maker of routes below one path: each needs a session that may do what it needs, and each form its token."""

    def __init__(self, instance: Instance, *, path: str) -> None:
        self._sessions = instance.sessions
        self._database = instance.database
        self._cookie = SessionCookie(instance.public_url)
        self._path = path

    def look(self, path: str, need: Need, page: Callable[[V], Page]) -> Route:
        """Return a route that shows a page, which only reads: all of it as of one moment, its session too.

        A browser without a session is led to the sign-in, and back afterwards.
        """

        def answer(request: Request) -> Response:
            if self._cookie.read(request) is None:
                return self._sign_in_first(request)
            with self._database.shared_snapshot():
                found = self._answer(request, need, page)
            return _rendered(found)  # the database is not kept waiting for it

        return Route(f"{self._path}{path}", answer, methods=["GET"])

    def give(self, path: str, need: Need, page: Callable[[V], Page]) -> Route:
        """Return a route that gives records away, which is noted before it is done; as `look` for the rest."""

        def answer(request: Request) -> Response:
            return _rendered(self._answer(request, need, page))

        return Route(f"{self._path}{path}", answer, methods=["GET"])

    def act(self, path: str, need: Need, page: Callable[[V], Page]) -> Route:
        """Return a route that a form is sent to; raises Forbidden for a form that is not of the session."""

        async def answer(request: Request) -> Response:
            form = await read_page_form(request, limit_bytes=_FORM_BYTES)
            if any("\0" in value for value in form.values()):
                raise InvalidBody("A form must not contain the character NUL")
            return await run_in_threadpool(self._act, request, form, need, page)

        return Route(f"{self._path}{path}", answer, methods=["POST"])

    @abstractmethod
    def _visit(self, request: Request, signed_in: SignedIn, need: Need, *, form: Mapping[str, str]) -> V | Response:
        """Return the visit; or the answer to a user whose pages are elsewhere. Raises Forbidden."""

    def _act(self, request: Request, form: Mapping[str, str], need: Need, page: Callable[[V], Page]) -> Response:
        token, signed_in = self._cookie.read(request), self._find(request)
        if token is None or signed_in is None:
            return self._sign_in_first(request)
        check_form(self._sessions, token, form.get("form_token", ""))
        visit = self._visit(request, signed_in, need, form=form)
        return visit if isinstance(visit, Response) else _rendered(page(visit))

    def _answer(self, request: Request, need: Need, page: Callable[[V], Page]) -> Page:
        signed_in = self._find(request)
        if signed_in is None:
            return self._sign_in_first(request)
        visit = self._visit(request, signed_in, need, form={})
        return visit if isinstance(visit, Response) else page(visit)

    def _find(self, request: Request) -> SignedIn | None:
        token = self._cookie.read(request)
        found = None if token is None else self._sessions.find(token)
        if found is not None:
            request.state.caller = found.caller.credential  # for the line in the log
        return found

    def _sign_in_first(self, request: Request) -> Response:
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        to = wanted if request.method in {"GET", "HEAD"} else self._path
        address = f"{SIGN_IN_PATH}?to={quote(to, safe='')}"
        if "hx-request" in request.headers:  # a part of a page: the whole of it goes there
            return Response(headers={**NO_STORE, "HX-Redirect": address})
        return lead_to(address)


def _rendered(page: Page) -> Response:
    return page.answer() if isinstance(page, Filled) else page


class CustomerRoutes(SignedInRoutes[Visit, Permission]):
    """The maker of customers' routes, under `/console`."""

    def __init__(self, instance: CustomerInstance) -> None:
        super().__init__(instance, path=CONSOLE_PATH)
        self._instance = instance

    def _visit(
        self, request: Request, signed_in: SignedIn, need: Permission, *, form: Mapping[str, str]
    ) -> Visit | Response:
        caller = signed_in.caller
        if caller.account is None:
            return lead_to(OPERATOR_PATH)  # who owns no exports
        concurrency_of(request.scope).enter(request.scope, caller.account.sid)
        return Visit(
            request=request,
            instance=self._instance,
            caller=caller,
            account=caller.customer(need),
            form_token=signed_in.form_token,
            form=form,
            now=self._instance.clock.now(),
        )


class OperatorRoutes(SignedInRoutes[OperatorVisit, Scope | None]):
    """The maker of the operator's routes, under `/operator`; those that only show the instance need no scope."""

    def __init__(self, instance: OperatorInstance) -> None:
        super().__init__(instance, path=OPERATOR_PATH)
        self._instance = instance

    def _visit(
        self, request: Request, signed_in: SignedIn, need: Scope | None, *, form: Mapping[str, str]
    ) -> OperatorVisit | Response:
        caller = signed_in.caller
        if caller.account is not None:
            raise Forbidden("this page is the operator's: sign in with an operator key")
        if need is not None:
            caller.require(need)
        return OperatorVisit(
            request=request,
            instance=self._instance,
            caller=caller,
            form_token=signed_in.form_token,
            form=form,
            now=self._instance.clock.now(),
        )
