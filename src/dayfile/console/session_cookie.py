"""The cookie by which a browser shows its session."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

_NAME = "dayfile_session"


class SessionCookie:
    """The cookie of one server. No script reads it, and nothing of another site brings it but a link that leads here.

    Behind HTTPS the browser keeps it off plain HTTP, and takes it from this very host only (`__Host-`).
    """

    def __init__(self, public_url: str) -> None:
        self._is_secure = urlsplit(public_url).scheme.lower() == "https"
        self.name = f"__Host-{_NAME}" if self._is_secure else _NAME

    def read(self, request: Request) -> str | None:
        """Return the token that a request brings, or None; it may be anything."""
        return request.cookies.get(self.name)

    def give(self, answer: Response, token: str) -> None:
        """Have the browser keep a token until it is closed."""
        answer.set_cookie(self.name, token, path="/", httponly=True, samesite="lax", secure=self._is_secure)

    def take(self, answer: Response) -> None:
        """Have the browser forget it."""
        answer.delete_cookie(self.name, path="/", httponly=True, samesite="lax", secure=self._is_secure)
