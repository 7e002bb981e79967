"""The sign-in of customers, and of operators who come by it: any credential that works here begins a session.

Apart from the operator's form, because it leads back to the page that was asked for, and tells more of what is wrong.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dayfile.accounts.sessions import Begun
from dayfile.console.instance import Instance
from dayfile.console.sign_in import OPERATOR_PATH, address_of, end_session
from dayfile.console.visit import CONSOLE_PATH, NO_STORE, SIGN_IN_PATH, lead_to
from dayfile.errors import Forbidden, Unauthorized
from dayfile.web.basic import note_failed_login
from dayfile.web.form import read_page_form
from dayfile.web.session_cookie import SessionCookie
from dayfile.web.sheet import Sheet

_TEMPLATES: Final = Path(__file__).with_name("templates")
_SID: Final = re.compile(r"(AC|SK)[0-9a-f]{32}")
# A path of these pages and a query: no host, no scheme, nothing that a browser would read as either.
_OWN_PAGE: Final = re.compile(r"/(?:console|operator)(/[A-Za-z0-9_./-]*)?(\?[A-Za-z0-9_.~%&=+-]*)?")
_LONGEST_PAGE: Final = 1024
_SHOWN_CHARACTERS: Final = 34  # of a sid; also what is kept of one that was wrong
_WRONG: Final = (
    "Nothing here has this sid and this secret. Check both: an account sid goes with its auth token, and a key sid "
    "with the secret of the key."
)


class CustomerSignIn:
    """The sign-in form of the console and the handling of what it sends."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._cookie = SessionCookie(instance.public_url)
        self._sheet = Sheet(_TEMPLATES, "customer/sign_in.html", styles=("sign_in.css",), has_forms=True)

    @property
    def routes(self) -> list[Route]:
        """The routes of the form, and of the one that signs out."""
        return [
            Route(SIGN_IN_PATH, self.form, methods=["GET"]),
            Route(SIGN_IN_PATH, self.begin, methods=["POST"]),
            Route(f"{CONSOLE_PATH}/sign-out", self.end, methods=["POST"]),
        ]

    def form(self, request: Request) -> Response:
        """Return the form, which leads to the page `to` of this console."""
        return self._form(to=_own_page(request.query_params.get("to", "")))

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

    def _form(self, *, to: str, username: str = "", problem: str = "", status: int = 200) -> Response:
        return self._sheet.answer(status=status, headers=NO_STORE, to=to, username=username, problem=problem)

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
        end_session(self._instance, self._cookie.read(request), form_token, address=address_of(request))
        answer = lead_to(SIGN_IN_PATH)
        self._cookie.take(answer)
        return answer


def _own_page(text: str) -> str:
    """Return the page of this console that a text names; the first one for any other text."""
    return text if len(text) <= _LONGEST_PAGE and _OWN_PAGE.fullmatch(text) else CONSOLE_PATH


def _page_of(begun: Begun, to: str) -> str:
    """Return the page that was asked for, or the first one if it is not for whom the session is."""
    first = OPERATOR_PATH if begun.caller.account is None else CONSOLE_PATH
    return to if to.startswith(first) else first
