"""Visits of signed-in customers: a session is found, a form is checked, and only then is a page made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from dayfile.accounts.sessions import SignedIn
from dayfile.console.instance import CustomerInstance
from dayfile.console.sign_in import OPERATOR_PATH
from dayfile.errors import Forbidden, InvalidBody
from dayfile.model.account import Account
from dayfile.model.credential import Actor, Caller, Permission
from dayfile.web.concurrency import concurrency_of
from dayfile.web.form import read_page_form
from dayfile.web.session_cookie import SessionCookie

CONSOLE_PATH: Final = "/console"
SIGN_IN_PATH: Final = "/console/sign-in"
NO_STORE: Final = {"Cache-Control": "no-store"}

_FORM_BYTES: Final = 16 * 1024  # a URL of 2,048 characters, percent-encoded, and the rest of a job


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request of a customer who is signed in."""

    request: Request = field(repr=False)
    instance: CustomerInstance = field(repr=False)
    caller: Caller
    account: Account
    form_token: str = field(repr=False)  # for the forms of the page
    form: Mapping[str, str] = field(repr=False)  # that was sent; empty for a GET
    now: datetime

    @property
    def actor(self) -> Actor:
        """The actor for the audit log."""
        return Actor(name=self.caller.credential, address=self.request.state.client or None)

    def may(self, permission: Permission) -> bool:
        """Return True if the credential of the session has a permission."""
        return permission in self.caller.permissions

    def asked(self, name: str, default: str = "") -> str:
        """Return a parameter of the query."""
        return self.request.query_params.get(name, default)


Page = Callable[[Visit], Response]
"""A function that answers a visit; it is called in a thread."""


class CustomerRoutes:
    """The maker of routes: each needs a session of a customer with the permission, and each form its token."""

    def __init__(self, instance: CustomerInstance) -> None:
        self._instance = instance
        self._cookie = SessionCookie(instance.public_url)

    def look(self, path: str, permission: Permission, page: Page) -> Route:
        """Return a route that shows a page; a browser without a session is led to the sign-in, and back afterwards."""

        def answer(request: Request) -> Response:
            signed_in = self._find(request)
            if signed_in is None:
                return _sign_in_first(request)
            return self._answer(request, signed_in, permission, page=page)

        return Route(f"{CONSOLE_PATH}{path}", answer, methods=["GET"])

    def act(self, path: str, permission: Permission, page: Page) -> Route:
        """Return a route that a form is sent to; raises Forbidden for a form that is not of the session."""

        async def answer(request: Request) -> Response:
            form = await read_page_form(request, limit_bytes=_FORM_BYTES)
            if any("\0" in value for value in form.values()):
                raise InvalidBody("A form must not contain the character NUL")
            return await run_in_threadpool(self._act, request, form, permission, page=page)

        return Route(f"{CONSOLE_PATH}{path}", answer, methods=["POST"])

    def _act(self, request: Request, form: Mapping[str, str], permission: Permission, *, page: Page) -> Response:
        token, signed_in = self._cookie.read(request), self._find(request)
        if token is None or signed_in is None:
            return _sign_in_first(request)
        if not self._instance.sessions.is_form_of(token, form.get("form_token", "")):
            raise Forbidden("this form is not of the session that this browser has: load the page again")
        return self._answer(request, signed_in, permission, page=page, form=form)

    def _find(self, request: Request) -> SignedIn | None:
        token = self._cookie.read(request)
        return None if token is None else self._instance.sessions.find(token)

    def _answer(
        self,
        request: Request,
        signed_in: SignedIn,
        permission: Permission,
        *,
        page: Page,
        form: Mapping[str, str] | None = None,
    ) -> Response:
        caller = signed_in.caller
        request.state.caller = caller.credential  # for the line in the log
        if caller.account is None:
            return RedirectResponse(OPERATOR_PATH, status_code=303, headers=NO_STORE)  # who owns no exports
        concurrency_of(request.scope).enter(request.scope, caller.account.sid)
        visit = Visit(
            request=request,
            instance=self._instance,
            caller=caller,
            account=caller.customer(permission),
            form_token=signed_in.form_token,
            form=form or {},
            now=self._instance.clock.now(),
        )
        return page(visit)


def lead_to(path: str) -> Response:
    """Return the answer to a form that was right: the page that shows what came of it, asked for with GET."""
    return RedirectResponse(path, status_code=303, headers=NO_STORE)


def _sign_in_first(request: Request) -> Response:
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    to = wanted if request.method in {"GET", "HEAD"} else CONSOLE_PATH
    address = f"{SIGN_IN_PATH}?to={quote(to, safe='')}"
    if "hx-request" in request.headers:  # a part of a page: the whole of it goes there
        return Response(headers={**NO_STORE, "HX-Redirect": address})
    return RedirectResponse(address, status_code=303, headers=NO_STORE)
