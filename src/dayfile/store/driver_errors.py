"""Translation of driver errors: a database that is away, that cannot be written, or that is damaged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from dayfile.errors import DamagedRow, DatabaseDamaged, DatabaseUnavailable, DatabaseUnwritable, Moved, Undone

CLOSED: Final = "this state database is closed, since its instance moves to another place, or has moved there"
"""The message of the triggers of a database that is closed (`departure.py`)."""

CLOSED_STATE: Final = "DF001"
"""The SQLSTATE of the same."""

_UNDECODABLE: Final = "Could not decode to UTF-8"
_SQLITE_TRIGGER: Final = 1811  # SQLITE_CONSTRAINT_TRIGGER

# By SQLite's primary result codes; the extended ones hold them in their lowest byte.
_SQLITE_DAMAGED: Final = {
    11: "database disk image is malformed",  # SQLITE_CORRUPT
    26: "file is not a database",  # SQLITE_NOTADB
}
_SQLITE_UNWRITABLE: Final = {
    8: "make its folder and its disk writable",  # SQLITE_READONLY
    10: "look whether its disk is full, and at the system's log",  # SQLITE_IOERR
    13: "free space on its disk",  # SQLITE_FULL
    14: "make its folder usable, and look whether its disk is full",  # SQLITE_CANTOPEN
}
# By SQLSTATE.
_POSTGRES_DAMAGED: Final = frozenset({"XX001", "XX002"})
_POSTGRES_UNWRITABLE: Final = {
    "25006": "it is read-only: name the primary server",
    "42501": "its role must own the database, or have all privileges on it and on its schema public",
    "3F000": "its role must own the database, or have all privileges on it and on its schema public",
    "53100": "free space on its disk",
    "58030": "look at its log and check its disk",
}
_POSTGRES_UNDONE: Final = frozenset({"40001", "40P01"})  # for a transaction that ran beside it
# Before there is a session there is no SQLSTATE, only text, and which host it was is in the text.
_NO_SLOTS: Final = ("too many clients", "remaining connection slots", "too many connections", "no more connections")
_POSTGRES_REFUSED: Final = {
    **dict.fromkeys(
        _NO_SLOTS,
        "it has no connection left, and each process takes DAYFILE_DATABASE_CONNECTIONS and one to listen: lower that, "
        "stop what else uses the server, raise its max_connections, or put a pooler before it",
    ),
    "password authentication failed": "user and password in DAYFILE_DATABASE_URL must be those of the role",
    "no password supplied": "DAYFILE_DATABASE_URL must have the password of the role: postgresql://USER:PASSWORD@HOST/...",
    "no pg_hba.conf entry": "its pg_hba.conf must let this host in, for this role and database",
    "does not exist": "create the role, or the database, that DAYFILE_DATABASE_URL names",
    "Connection refused": "start it, or have DAYFILE_DATABASE_URL name the host and port at which it is",
    "resolve host": "DAYFILE_DATABASE_URL must name its host",
    "No such file or directory": "start it, or have DAYFILE_DATABASE_URL name the folder of its socket",
    "starting up": "it will soon be there",
    "shutting down": "it has to be started again",
}

_HEADING: Final = "Multiple connection attempts failed"
_PREAMBLE: Final = re.compile(r"^(- host: .*?: (?=connection ))?(connection (failed|is bad): )?")


def has_no_slots(message: str) -> bool:
    """Return True if a server, or a pooler, refused a connection because there are too many."""
    return any(words in message for words in _NO_SLOTS)


def is_cut_off(error: BaseException | None) -> bool:
    """Return True for a driver's error that says that a session is lost, and with it its transaction."""
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None) or ""
    return error.connection_invalidated or state.startswith(("08", "57P"))


def is_refusal(error: BaseException | None) -> bool:
    """Return True for a driver's error that says that the database is closed."""
    return getattr(error, "sqlstate", None) == CLOSED_STATE or (
        getattr(error, "sqlite_errorcode", None) == _SQLITE_TRIGGER and str(error) == CLOSED
    )


def moved() -> Moved:
    """Return the error for processes that go on where nothing is written any more; it names no place to strangers."""
    return Moved(f"{CLOSED}: its processes are to be stopped, and `dayfile status` says where it is")


def is_undecodable(error: BaseException | None) -> bool:
    """Return True for a driver's error that says that a text of a row is not UTF-8."""
    # sqlite3 decodes text itself and gives its error no code.
    return type(error).__name__ == "OperationalError" and str(error).startswith(_UNDECODABLE)


def undecodable() -> DamagedRow:
    """Return the error for a row with such a text; the driver's own repeats it: a record, or a secret."""
    return DamagedRow("a row of the state database has a text that is not UTF-8")


@contextmanager
def translated() -> Iterator[None]:
    """Raise DatabaseUnavailable, or a subclass of it, for driver errors that may pass; any other driver error is a bug.

    An error of a commit does not tell that nothing was committed. PostgreSQL may have committed before the connection
    broke; SQLite shows nobody a commit that failed, but after a crash before the next one it may find it in its log. So
    a caller may repeat idempotent work, and may undo only what its rows still allow.
    """
    try:
        yield
    except PoolTimeoutError as error:
        raise DatabaseUnavailable(
            "the state database has more to do than this process has connections: try again (for PostgreSQL, "
            "DAYFILE_DATABASE_CONNECTIONS allows more)"
        ) from error
    except DBAPIError as error:
        meaning = _meaning(error)
        if meaning is None:
            raise
        raise meaning from error


def _meaning(error: DBAPIError) -> DatabaseUnavailable | None:
    driver_error: BaseException | None = error.orig
    state, code = getattr(driver_error, "sqlstate", None), getattr(driver_error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if is_refusal(driver_error):
        return moved()
    if primary in _SQLITE_DAMAGED or state in _POSTGRES_DAMAGED:
        return DatabaseDamaged(_SQLITE_DAMAGED.get(primary or 0, "PostgreSQL's log says where"))
    to_do = _SQLITE_UNWRITABLE.get(primary or 0) or _POSTGRES_UNWRITABLE.get(state or "")
    if to_do is not None:
        return DatabaseUnwritable(f"the state database cannot be used right now: {_said(driver_error)}; {to_do}")
    if state in _POSTGRES_UNDONE:
        return Undone(f"the state database undid this for the sake of another transaction: {_said(driver_error)}")
    if isinstance(error, OperationalError):
        to_do = next((words for told, words in _POSTGRES_REFUSED.items() if told in str(driver_error)), None)
        end = f"; {to_do}" if to_do and state is None and code is None else ""
        return DatabaseUnavailable(f"the state database cannot be used right now: {_said(driver_error)}{end}")
    if error.connection_invalidated:
        return DatabaseUnavailable(f"the state database went away: {_said(driver_error)}")
    return None


def _said(error: BaseException | None) -> str:
    """Return what a driver says, in one sentence: ours goes on after it.

    libpq tells of each address in a line, with a hint in the next one, and of the last address twice; a server's errors
    have a detail and a hint below.
    """
    primary = getattr(getattr(error, "diag", None), "message_primary", None)
    lines = [str(primary)] if primary else [line for line in str(error).splitlines() if not line[:1].isspace()]
    told = (_PREAMBLE.sub("", line).strip() for line in lines if not line.startswith(_HEADING))
    return ", and ".join(dict.fromkeys(filter(None, told)))
