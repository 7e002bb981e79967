"""HTTP Basic credentials: parsed once, for the API and for pages."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final, NamedTuple

from starlette.datastructures import Headers
from starlette.types import Scope

FAILED_LOGIN: Final = "failed_login"
"""Key of the user name in the state of a request with wrong credentials. Missing credentials are not wrong."""

_AUTHORIZATION: Final = b"authorization"
_SID: Final = re.compile(r"[A-Z]{2}[0-9a-f]{32}", re.ASCII)


class BasicLogin(NamedTuple):
    """The user name and password that a request brought."""

    username: str
    password: str

    @property
    def may_exist(self) -> bool:
        """True if the user name is a sid. Other text is never looked up: the database may be unable to hold it."""
        return _SID.fullmatch(self.username) is not None


_UNREADABLE: Final = BasicLogin("", "")


def read_login(headers: Headers) -> BasicLogin | None:
    """Return the Basic credentials of a request, or None without an Authorization header, or with an empty one.

    Credentials that are not valid Basic are wrong rather than missing, so they come back as empty texts. Of several
    headers the first counts.
    """
    authorization = headers.get("authorization", "")
    if not authorization:
        return None
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return _UNREADABLE
    try:
        username, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return _UNREADABLE
    return BasicLogin(username, password) if colon else _UNREADABLE


def sent_login(scope: Scope) -> bytes:
    """Return the Authorization header of a request as it was sent, the first of several; empty without one."""
    return next((value for name, value in scope["headers"] if name == _AUTHORIZATION), b"")


def note_failed_login(scope: Scope, username: str) -> None:
    """Note that the credentials of a request are wrong, so that its response is delayed."""
    scope["state"][FAILED_LOGIN] = username
