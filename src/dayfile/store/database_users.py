"""Other users of a database: the processes that have it open, as far as SQLite or PostgreSQL tells.

Apart, because nothing else asks who else is there: processes share a database without knowing of one another.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import URL, create_engine
from sqlalchemy.exc import OperationalError

from dayfile.store.database import Database
from dayfile.store.driver_errors import translated

_BUSY: Final = 5  # SQLITE_BUSY
_SESSIONS: Final = """
    SELECT coalesce(host(client_addr), 'the host of the server') AS host, count(*) AS sessions
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
      AND application_name = current_setting('application_name')
      AND coalesce(state <> 'idle' OR state_change > clock_timestamp() - make_interval(secs => %(seconds)s), true)
    GROUP BY 1 ORDER BY 1
"""


UNUSED_FOR: Final = timedelta(seconds=150)
"""Time after which a session is no running process's: each asks PostgreSQL for something at least once a minute."""


def others_of(database: Database, *, unused_for: timedelta = UNUSED_FOR) -> list[str]:
    """Return who else has a database open, in words; raises DatabaseUnavailable.

    Sessions of PostgreSQL that were `unused_for` so long do not count: a pooler has them, or a process that is gone, or
    one that stands still. This process must use no connection meanwhile, and may have only one to PostgreSQL.
    """
    if database.file is None:
        with database.looked_into() as connection:
            found = connection.exec_driver_sql(_SESSIONS, {"seconds": unused_for.total_seconds()}).all()
        return [f"{row.sessions} sessions of Dayfile, or of a pooler, from {row.host}" for row in found]
    database.close()  # its own connections would count; new ones are made when they are needed
    engine = create_engine(URL.create("sqlite", database=str(database.file)), connect_args={"timeout": 0})
    try:
        with translated(), engine.connect() as connection:
            # In WAL mode every connection holds a shared lock for as long as it is open.
            connection.exec_driver_sql("PRAGMA locking_mode = EXCLUSIVE")
            try:
                connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").all()
            except OperationalError as error:
                if getattr(error.orig, "sqlite_errorcode", _BUSY) & 0xFF == _BUSY:
                    return [f"another process has {database.file} open"]
                raise
    finally:
        engine.dispose()
    return []
