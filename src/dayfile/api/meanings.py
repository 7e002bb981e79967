"""The table of HTTP statuses and error codes by type of error.

A new type of error that clients can react to gets a line in ERRORS and one in `explanations.py`. Any other error is a
bug: clients see "internal error", the log has the details.
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
    """A method that an existing path does not support; `allowed` lists those that it supports."""

    def __init__(self, method: str, *, allowed: str) -> None:
        super().__init__(f"{method[:20]} is not allowed here: use {allowed}")
        self.allowed = allowed


class Meaning(NamedTuple):
    """HTTP status and error code, as clients see them."""

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
