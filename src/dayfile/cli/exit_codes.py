"""Exit codes of commands, and the exit code of each type of error.

| code | meaning |
|---|---|
| 0 | done |
| 1 | not done, or done and something is wrong with it; the message says what |
| 2 | the command line itself cannot be understood or breaks a rule |
| 3 | there is no such thing, or not for these credentials |
| 4 | nothing is wrong with the request: the other side is away or busy; try again |
| 130 | stopped with Ctrl-C |
"""

from __future__ import annotations

from enum import IntEnum

from dayfile.errors import (
    DatabaseDamaged,
    DayfileError,
    Forbidden,
    InFlight,
    InvalidParameter,
    NotFound,
    TooManyRequests,
    Transient,
    Unauthorized,
)


class Outcome(IntEnum):
    """The exit codes, on which scripts may rely."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    TRY_AGAIN = 4
    INTERRUPTED = 130


def outcome_of(error: DayfileError) -> Outcome:
    """The exit code for an error that was raised on purpose."""
    if isinstance(error, NotFound | Unauthorized | Forbidden):
        return Outcome.NOT_FOUND
    if isinstance(error, DatabaseDamaged):
        return Outcome.FAILED  # for a command, trying again does not help
    if isinstance(error, Transient | TooManyRequests | InFlight):
        return Outcome.TRY_AGAIN
    if isinstance(error, InvalidParameter):
        return Outcome.USAGE
    return Outcome.FAILED
