"""The cookie that carries a browser's session token."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

_NAME = "dayfile_session"


class SessionCookie:
    """The session cookie of one server: HttpOnly, and SameSite=Lax, so that other sites send it only with a link here.

    Behind HTTPS the browser keeps it off plain HTTP, and takes it from this very host only (`__Host-`).
    """

    def __init__(self, public_url: str) -> None:
        self._is_secure = urlsplit(public_url).scheme.lower() == "https"
        self.name = f"__Host-{_NAME}" if self._is_secure else _NAME

    def read(self, request: Request) -> str | None:
        """Return the token of a request, or None. It is not checked: it may be any text."""
        return request.cookies.get(self.name)

    def give(self, answer: Response, token: str) -> None:
        """Set the cookie to a token, until the browser is closed."""
        answer.set_cookie(self.name, token, path="/", httponly=True, samesite="lax", secure=self._is_secure)

    def take(self, answer: Response) -> None:
        """Delete the cookie."""
        answer.delete_cookie(self.name, path="/", httponly=True, samesite="lax", secure=self._is_secure)
