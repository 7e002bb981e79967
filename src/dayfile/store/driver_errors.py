"""Translation of driver errors: a database that is away, that cannot be written, or that is damaged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from dayfile.errors import DatabaseDamaged, DatabaseUnavailable, DatabaseUnwritable

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
    "53100": "free space on its disk",
    "58030": "look at its log and check its disk",
}


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
        raise DatabaseUnavailable("the state database has more to do than it has connections: try again") from error
    except DBAPIError as error:
        meaning = _meaning(error)
        if meaning is None:
            raise
        raise meaning from error


def _meaning(error: DBAPIError) -> DatabaseUnavailable | None:
    driver_error: BaseException | None = error.orig
    state, code = getattr(driver_error, "sqlstate", None), getattr(driver_error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary in _SQLITE_DAMAGED or state in _POSTGRES_DAMAGED:
        return DatabaseDamaged(_SQLITE_DAMAGED.get(primary or 0, "PostgreSQL's log says where"))
    # sqlite3 decodes text itself and gives its error no code. Its message holds the text: a record, or a secret.
    if isinstance(error, OperationalError) and str(driver_error).startswith("Could not decode to UTF-8"):
        return DatabaseDamaged("a text is not UTF-8")
    to_do = _SQLITE_UNWRITABLE.get(primary or 0) or _POSTGRES_UNWRITABLE.get(state or "")
    if to_do is not None:
        return DatabaseUnwritable(f"the state database cannot be used right now: {driver_error}; {to_do}")
    if isinstance(error, OperationalError):
        return DatabaseUnavailable(f"the state database cannot be used right now: {driver_error}")
    if error.connection_invalidated:
        return DatabaseUnavailable(f"the state database went away: {driver_error}")
    return None
