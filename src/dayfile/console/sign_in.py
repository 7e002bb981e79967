"""The sign-in and sign-out of customers and operators: forms that work without a script, and the session between them.

Any credential that works here begins a session. The sign-in form carries no token, since there is no session yet to
bind it to. The cross-site check (`web/cross_site.py`), which runs before every form, keeps other sites from signing
somebody in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dayfile.accounts.sessions import Begun, Sessions
from dayfile.console.instance import Instance
from dayfile.console.paths import CONSOLE_PATH, NO_STORE, OPERATOR_PATH, SIGN_IN_PATH, SIGN_OUT_PATH, lead_to
from dayfile.console.words import FILTERS
from dayfile.errors import Forbidden, Unauthorized
from dayfile.model.session import SESSION_LIFETIME
from dayfile.web.basic import note_failed_login
from dayfile.web.browser import is_browser
from dayfile.web.form import read_page_form
from dayfile.web.session_cookie import SessionCookie
from dayfile.web.sheet import Sheet

_TEMPLATES: Final = Path(__file__).with_name("templates")
_SID: Final = re.compile(r"(AC|SK)[0-9a-f]{32}")
# A path of these pages and a query: no host, no scheme, nothing that a browser would read as either.
_OWN_PAGE: Final = re.compile(r"/(?:console|operator)(/[A-Za-z0-9_./-]*)?(\?[A-Za-z0-9_.~%&=+-]*)?")
_LONGEST_PAGE: Final = 1024
_SHOWN_CHARACTERS: Final = 34  # of a sid; also what is kept of one that was wrong
_BASIC: Final = 'Basic realm="Dayfile operator", charset="UTF-8"'
_WRONG: Final = (
    "Nothing here has this sid and this secret. Check both: an account sid goes with its auth token, and a key sid "
    "with the secret of the key."
)


class SignIn:
    """The sign-in form and the handling of what it sends."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._cookie = SessionCookie(instance.public_url)
        self._sheet = Sheet(_TEMPLATES, "sign_in.html", styles=("sign_in.css",), has_forms=True, filters=FILTERS)

    @property
    def routes(self) -> list[Route]:
        """The routes of the form, and of the one that signs out."""
        return [
            Route(SIGN_IN_PATH, self.form, methods=["GET"]),
            Route(SIGN_IN_PATH, self.begin, methods=["POST"]),
            Route(SIGN_OUT_PATH, self.end, methods=["POST"]),
        ]

    def form(self, request: Request) -> Response:
        """Return the form, which leads to the page `to` of this console."""
        return self._form(to=_own_page(request.query_params.get("to", "")))

    def refusal(self, request: Request, *, to: str) -> Response:
        """Return the form with status 401; clients other than browsers are asked for Basic credentials as well."""
        asked = {} if is_browser(request.headers) else {"WWW-Authenticate": _BASIC}
        return self._form(to=to, status=401, headers={**NO_STORE, **asked})

    async def begin(self, request: Request) -> Response:
        """Sign in: lead to the page that was asked for with a new session, or show the form again."""
        fields = await read_page_form(request)
        return await run_in_threadpool(
            self._begin,
            request,
            fields.get("username", "").strip(),
            fields.get("password", "").strip(),
            to=_own_page(fields.get("to", "")),
        )

    async def end(self, request: Request) -> Response:
        """Sign out: end the session and lead to the form. Raises Forbidden for a form that is not of the session."""
        fields = await read_page_form(request)
        return await run_in_threadpool(self._end, request, fields.get("form_token", ""))

    def _form(
        self,
        *,
        to: str,
        username: str = "",
        problem: str = "",
        status: int = 200,
        headers: Mapping[str, str] = NO_STORE,
    ) -> Response:
        values = {"to": to, "username": username, "problem": problem, "session_lifetime": SESSION_LIFETIME}
        return self._sheet.answer(status=status, headers=headers, **values)

    def _begin(self, request: Request, username: str, password: str, *, to: str) -> Response:
        shown = username[:_SHOWN_CHARACTERS]
        try:
            begun = self._new_session(request, username, password)
        except Unauthorized:
            note_failed_login(request.scope, shown)
            return self._form(to=to, username=shown, problem=_WRONG, status=401)
        except Forbidden as known:  # the secret is right: what is wrong may be told
            return self._form(to=to, username=shown, problem=f"{str(known)[:1].upper()}{str(known)[1:]}.", status=403)
        if (former := self._cookie.read(request)) is not None:
            self._instance.sessions.end(former, address=address_of(request))
        request.state.caller = username  # for the line in the log
        answer = lead_to(_page_of(begun, to))
        self._cookie.give(answer, begun.token)
        return answer

    def _new_session(self, request: Request, username: str, password: str) -> Begun:
        # Text that cannot be a sid is never looked up: the database may not even be able to hold it.
        if not _SID.fullmatch(username):
            raise Unauthorized("Authenticate")
        return self._instance.sessions.begin(username, password, address=address_of(request))

    def _end(self, request: Request, form_token: str) -> Response:
        token = self._cookie.read(request)
        if token is not None:
            check_form(self._instance.sessions, token, form_token)
            self._instance.sessions.end(token, address=address_of(request))
        answer = lead_to(SIGN_IN_PATH)
        self._cookie.take(answer)
        return answer


def check_form(sessions: Sessions, token: str, form_token: str) -> None:
    """Raise Forbidden for a form of another session than the one with this token."""
    if not sessions.is_form_of(token, form_token):
        raise Forbidden("this form is not of the session that this browser has: load the page again")


def address_of(request: Request) -> str | None:
    """Return the client's address, for the audit log."""
    return request.state.client or None


def _own_page(text: str) -> str:
    """Return the page of this console that a text names; the first one for any other text."""
    return text if len(text) <= _LONGEST_PAGE and _OWN_PAGE.fullmatch(text) else CONSOLE_PATH


def _page_of(begun: Begun, to: str) -> str:
    """Return the page that was asked for, or the first one if it is not for whom the session is."""
    first = OPERATOR_PATH if begun.caller.account is None else CONSOLE_PATH
    return to if to.startswith(first) else first
