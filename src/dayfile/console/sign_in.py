"""The operator's sign-in and sign-out: forms that work without a script, and the session between them.

The sign-in form carries no token, since there is no session yet to bind it to. The cross-site check
(`web/cross_site.py`), which runs before every form, keeps other sites from signing somebody in.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from dayfile.accounts.sessions import Sessions
from dayfile.console.instance import Instance
from dayfile.errors import Forbidden, Unauthorized
from dayfile.web.basic import note_failed_login
from dayfile.web.browser import is_browser
from dayfile.web.form import read_page_form
from dayfile.web.session_cookie import SessionCookie
from dayfile.web.sheet import Sheet

OPERATOR_PATH: Final = "/operator"

_TEMPLATES: Final = Path(__file__).with_name("templates")
_KEY_SID: Final = re.compile(r"SK[0-9a-f]{32}")
_SHOWN_CHARACTERS: Final = 34  # of a sid; also what is kept of one that was wrong
_WRONG: Final = "No operator's key that works here has this sid and this secret. Check both."


class SignIn:
    """The sign-in form and the handling of what it sends."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._cookie = SessionCookie(instance.public_url)
        self._sheet = Sheet(_TEMPLATES, "sign_in.html", styles=("sign_in.css",), has_forms=True)

    @property
    def routes(self) -> list[Route]:
        """The two routes that forms are sent to."""
        return [
            Route(OPERATOR_PATH, self.begin, methods=["POST"]),
            Route(f"{OPERATOR_PATH}/sign-out", self.end, methods=["POST"]),
        ]

    def form(self, request: Request, *, key_sid: str = "", problem: str = "") -> Response:
        """Return the form with status 401; clients other than browsers are asked for Basic credentials as well."""
        headers = {"Cache-Control": "no-store"}
        if not is_browser(request.headers):
            headers["WWW-Authenticate"] = 'Basic realm="Dayfile operator", charset="UTF-8"'
        return self._sheet.answer(status=401, headers=headers, key_sid=key_sid, problem=problem)

    async def begin(self, request: Request) -> Response:
        """Sign in: lead to the operator's page with a new session, or show the form again."""
        fields = await read_page_form(request)
        return await run_in_threadpool(
            self._begin, request, fields.get("key_sid", "").strip(), fields.get("key_secret", "").strip()
        )

    async def end(self, request: Request) -> Response:
        """Sign out: end the session and lead to the form. Raises Forbidden for a form that is not of the session."""
        fields = await read_page_form(request)
        return await run_in_threadpool(self._end, request, fields.get("form_token", ""))

    def _begin(self, request: Request, key_sid: str, secret: str) -> Response:
        token = self._new_session(request, key_sid, secret)
        if token is None:
            shown = key_sid[:_SHOWN_CHARACTERS]
            note_failed_login(request.scope, shown)
            return self.form(request, key_sid=shown, problem=_WRONG)
        if (former := self._cookie.read(request)) is not None:
            self._instance.sessions.end(former, address=address_of(request))
        request.state.caller = key_sid  # for the line in the log
        answer = _lead_to_page()
        self._cookie.give(answer, token)
        return answer

    def _new_session(self, request: Request, key_sid: str, secret: str) -> str | None:
        # Text that cannot be a sid is never looked up: the database may not even be able to hold it.
        if not _KEY_SID.fullmatch(key_sid):
            return None
        try:
            return self._instance.sessions.begin_for_operator(key_sid, secret, address=address_of(request))
        except Unauthorized:
            return None

    def _end(self, request: Request, form_token: str) -> Response:
        end_session(self._instance, self._cookie.read(request), form_token, address=address_of(request))
        answer = _lead_to_page()
        self._cookie.take(answer)
        return answer


def end_session(instance: Instance, token: str | None, form_token: str, *, address: str | None) -> None:
    """End the session of a browser that signs out, if it has one; raises Forbidden for a form of another session."""
    if token is None:
        return
    check_form(instance.sessions, token, form_token)
    instance.sessions.end(token, address=address)


def check_form(sessions: Sessions, token: str, form_token: str) -> None:
    """Raise Forbidden for a form of another session than the one with this token."""
    if not sessions.is_form_of(token, form_token):
        raise Forbidden("this form is not of the session that this browser has: load the page again")


def address_of(request: Request) -> str | None:
    """Return the client's address, for the audit log."""
    return request.state.client or None


def _lead_to_page() -> Response:
    # 303: the browser follows with GET, so reloading the page does not send the form again.
    return RedirectResponse(OPERATOR_PATH, status_code=303, headers={"Cache-Control": "no-store"})
