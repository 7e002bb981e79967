"""The one table in which an error meets a status.

A new kind of error that callers can do something about gets a line in ERRORS and one in `explanations.py`; whatever has
no line is a bug, says "internal error" outside and everything in the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from dayfile.api.ranges import RangeNotSatisfiable
from dayfile.errors import (
    AccountSuspended,
    Conflict,
    DamagedFile,
    DayfileError,
    Forbidden,
    Invalid,
    InvalidPageToken,
    NotFound,
    TooLarge,
    TooManyRequests,
    Transient,
    Unauthorized,
)


class MethodNotAllowed(DayfileError):
    """There is such an address, and it does not know this method; `allowed` are those that it knows."""

    def __init__(self, method: str, *, allowed: str) -> None:
        super().__init__(f"{method[:20]} is not allowed here: use {allowed}")
        self.allowed = allowed


class Meaning(NamedTuple):
    """How an error looks from outside."""

    status: int
    code: int


ERRORS: Mapping[type[Exception], Meaning] = {
    Invalid: Meaning(400, 20001),
    InvalidPageToken: Meaning(400, 21481),
    Unauthorized: Meaning(401, 20003),
    Forbidden: Meaning(403, 20403),
    AccountSuspended: Meaning(403, 20005),
    NotFound: Meaning(404, 20404),
    MethodNotAllowed: Meaning(405, 20004),
    Conflict: Meaning(409, 20409),
    TooLarge: Meaning(413, 20413),
    RangeNotSatisfiable: Meaning(416, 20416),
    TooManyRequests: Meaning(429, 20429),
    DamagedFile: Meaning(500, 20510),
    Transient: Meaning(503, 20503),
}
BUG = Meaning(500, 20500)
