"""Sessions: what stands for a credential in a browser, so that the browser need not keep its secret."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from dayfile.model.secret import InstanceKey

SESSION_LIFETIME: Final = timedelta(hours=12)
"""From the sign-in on, however much a session is used: a working day."""

TOKEN_DIGITS: Final = 64
"""Hexadecimal digits of a session's token: 256 bits, which nobody guesses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session as it is stored. It belongs to one credential, in the state in which that credential's secret was."""

    token_hash: bytes = field(repr=False)
    credential: str  # the sid that was given as user name
    secret_hash: bytes = field(repr=False)  # the stored form of the secret: with another one the session is over
    began_at: datetime
    expires_at: datetime


def session_hash(key: InstanceKey, token: str) -> bytes:
    """Return the stored form of a session's token: whoever reads the database cannot go on with the session."""
    return hmac.digest(key.subkey("session"), token.encode(), "sha256")


def form_token(key: InstanceKey, token: str) -> str:
    """Return what forms of a session carry, 64 hexadecimal digits: only a page of this session has it."""
    return hmac.digest(key.subkey("forms"), token.encode(), "sha256").hex()


def is_form_token(key: InstanceKey, token: str, given: str) -> bool:
    """Whether a form is of the session with this token; how long it takes tells nothing."""
    return hmac.compare_digest(form_token(key, token).encode(), given.encode())
