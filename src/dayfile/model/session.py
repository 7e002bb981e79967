"""Sessions: tokens that stand for a credential in a browser, so that the browser need not keep its secret."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from dayfile.model.secret import InstanceKey

SESSION_LIFETIME: Final = timedelta(hours=12)
"""The lifetime of a session from the sign-in on, however much it is used: a working day."""

TOKEN_DIGITS: Final = 64
"""The number of hexadecimal digits of a session's token: 256 bits, which nobody can guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A stored session of one credential; it is over when the credential gets another secret."""

    token_hash: bytes = field(repr=False)
    credential: str  # the sid that was given as user name
    secret_hash: bytes = field(repr=False)  # the stored form of the secret: with another one the session is over
    began_at: datetime
    expires_at: datetime


def session_hash(key: InstanceKey, token: str) -> bytes:
    """Return the stored form of a session's token: with it alone, a reader of the database cannot use the session."""
    return hmac.digest(key.subkey("session"), token.encode(), "sha256")


def form_token(key: InstanceKey, token: str) -> str:
    """Return the token that forms of a session carry, 64 hexadecimal digits: only a page of this session has it."""
    return hmac.digest(key.subkey("forms"), token.encode(), "sha256").hex()


def is_form_token(key: InstanceKey, token: str, given: str) -> bool:
    """Return True if a form belongs to the session with this token; the time that it takes tells nothing."""
    return hmac.compare_digest(form_token(key, token).encode(), given.encode())
