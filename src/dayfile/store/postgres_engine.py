"""Connections to PostgreSQL, directly or through a pooler that gives each transaction another session.

So nothing here outlasts a transaction: no settings or locks of a session, and no options of its start. What a
transaction needs is set within it. Only where a session is surely this process's own, statements stay prepared in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event

from dayfile.errors import Unusable
from dayfile.store.departure import name_refusals
from dayfile.store.driver_errors import has_no_slots
from dayfile.store.postgres_session import PostgresSession, as_raised, session_of

CONNECTIONS: Final = 7
"""Connections of one process by default. With the one that listens, a dozen processes fit into a server's usual 100."""

OLDEST: Final = 15
"""The oldest major version that is tested, and that PostgreSQL's own developers still maintain."""

PATIENCE_SECONDS: Final = 30
"""Time that a transaction waits for a connection, and for a lock."""

_BEGIN: Final = b"BEGIN"
_BEGIN_TO_READ: Final = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_TIME: Final = "clock_timestamp()"
_LIMITS: Final = (
    f"SELECT set_config('lock_timeout', '{PATIENCE_SECONDS}s', true), set_config('statement_timeout', '300s', true), "
    # A host that is frozen in a transaction must not hold its locks until it is found.
    "set_config('idle_in_transaction_session_timeout', '60s', true)"
)
_NO_WAIT: Final = ", set_config('synchronous_commit', 'off', true)"
# One round trip each.
_BEGIN_TO_WRITE: Final = f"BEGIN; {_LIMITS}, {_TIME}".encode()
_BEGIN_TO_WRITE_LOOSELY: Final = f"BEGIN; {_LIMITS}{_NO_WAIT}, {_TIME}".encode()
_BEGIN_TO_READ_AND_TELL: Final = _BEGIN_TO_READ + f"; SELECT {_TIME}".encode()
_READS_ONLY: Final = b"""
SET default_transaction_read_only = on; SET default_transaction_isolation = 'repeatable read';
SET statement_timeout = '1s';
SET plan_cache_mode = force_generic_plan;
SET enable_sort = off; SET enable_seqscan = off; SET enable_bitmapscan = off;
SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off
"""
# One that takes long holds up those behind it, and is given up: a thread has all the time in the world.
#
# Left to itself, the server makes a plan for the values of each execution: it takes them to be worth it, since it does
# not know how few rows a page has, and to plan a list takes longer than to read it. A plan that is kept has to be good
# for the account with the most rows as well, and for tables of which the server knows nothing yet: one that goes along
# an index is. Where there is no such plan, those that are switched off cost so much that they would be compiled.
NETWORK: Final = {
    "connect_timeout": "10",
    # A server that is cut off without a word is noticed in half a minute; the system's own patience is a quarter hour.
    "keepalives_idle": "20",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "application_name": "dayfile",
}
"""Options of a connection, unless its URL has them."""

RENEWED_AFTER_SECONDS: Final = 600
"""Age of a connection from which another one takes its place, and with it the plans that it has kept."""

_PAUSES: Final = (0.2, 0.4, 0.8, 1.6, 3.0, 3.0, 3.0, 3.0)
"""Seconds between the tries to connect to a server that has no connection left."""


T = TypeVar("T")

Pause = Callable[[float], None]
"""A function that lets so many seconds pass."""


def at_once(_: float) -> None:
    """Let no time pass: for whoever does not wait for a database that is busy."""


class TimeKeeper(Protocol):
    """A listener that is told the database's time as transactions begin."""

    def is_due(self) -> bool:
        """Return True if a transaction that could do without should ask for it."""
        ...

    def sample(self, ask: Callable[[], datetime]) -> None:
        """Ask the database for its time, now."""
        ...


def postgres_engine(url: URL, *, connections: int, pause: Pause) -> Engine:
    """Return an engine with at most so many connections, and no others beside them.

    It pauses between its tries to connect to a server that has none left.
    """
    own = {name: value for name, value in NETWORK.items() if name not in url.query}
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=PATIENCE_SECONDS,
        pool_recycle=RENEWED_AFTER_SECONDS,
        use_native_hstore=False,
        connect_args={"prepare_threshold": None, **own},
    )
    event.listen(engine, "do_connect", partial(_connect, pause))
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    name_refusals(engine)
    return engine


def keep_time(engine: Engine, keeper: TimeKeeper) -> None:
    """Have the database's time told as transactions begin."""
    engine.update_execution_options(dayfile_time=keeper)


def is_time_due(engine: Engine) -> bool:
    """Return True if the next transaction is to ask for the database's time."""
    keeper = _keeper(engine.get_execution_options())
    return keeper is not None and keeper.is_due()


def begin_to_read(connection: Connection) -> None:
    """Begin a transaction that sees one moment, behind SQLAlchemy's back, which would take four times as long.

    Raises DBAPIError. Closing the connection rolls it back, unless it has ended.
    """
    keeper = _keeper(connection.get_execution_options())
    if keeper is not None and keeper.is_due():
        _ask(keeper, lambda: _told(connection, _BEGIN_TO_READ_AND_TELL))
    else:
        _told(connection, _BEGIN_TO_READ)


def end_reading(connection: Connection) -> None:
    """End such a transaction; raises DBAPIError."""
    _told(connection, b"COMMIT")


def set_up_to_read(connection: Connection) -> None:
    """Have a session do short readings and nothing else, which find rows by indexes; raises DBAPIError.

    No-op behind a pooler, which gives the session to others.
    """
    if session_of(connection).keeps_statements:
        _told(connection, _READS_ONLY)


def notify(connection: Connection, channel: str, words: str) -> None:
    """Notify those that listen on a channel, without a transaction around it; raises DBAPIError."""
    _asked(connection, lambda session: session.execute("SELECT pg_notify($1, $2)", [channel, words]))


def check_server(connection: Connection) -> None:
    """Raise Unusable, with what to do, if the server is too old or the database cannot keep every text."""
    version = connection.dialect.server_version_info or (0,)
    if int(version[0]) < OLDEST:
        raise Unusable(
            f"the server is PostgreSQL {'.'.join(map(str, version))}, and Dayfile needs {OLDEST} or newer: "
            "upgrade it, or name another one"
        )
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise Unusable(
            f"the database has the encoding {encoding}, and Dayfile needs UTF8: create one with "
            "CREATE DATABASE name TEMPLATE template0 ENCODING 'UTF8', and name that"
        )


def _connect(pause: Pause, dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
    for seconds in _PAUSES:
        try:
            return dialect.connect(*arguments, **options)
        except dialect.loaded_dbapi.OperationalError as error:
            if not has_no_slots(str(error)):
                raise
            pause(seconds)
    return dialect.connect(*arguments, **options)


def _prepare(driver: Any, record: Any) -> None:
    """Let statements be prepared if there is no pooler: one tells its clients of a session that it makes up."""
    driver.autocommit = True  # transactions begin where `_begin` says
    [(pid,)] = driver.execute("SELECT pg_backend_pid()").fetchall()
    PostgresSession(driver, keeps_statements=pid == driver.info.backend_pid).keep(record.info)


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("dayfile_writes"):
        words = _BEGIN_TO_WRITE if options.get("dayfile_durable", True) else _BEGIN_TO_WRITE_LOOSELY
        _ask(_keeper(options), lambda: _told(connection, words))
    elif session_of(connection).is_idle:  # SQLAlchemy knows nothing of a transaction that was begun to read
        _told(connection, _BEGIN)


def _told(connection: Connection, words: bytes) -> Any:
    """Return the last value that PostgreSQL answers with; raises DBAPIError."""
    return _asked(connection, lambda session: session.run(words))


def _asked(connection: Connection, ask: Callable[[PostgresSession], T]) -> T:
    """Return the answer to the first or the last statement of a transaction; raises DBAPIError."""
    errors: Any = connection.dialect.dbapi
    try:
        return ask(session_of(connection))
    except errors.Error as error:
        driver: Any = connection.connection.dbapi_connection
        if driver.closed:
            # SQLAlchemy is to find out by itself: then it gives up all connections that are as old as this one.
            connection.exec_driver_sql("SELECT 1")
        raise as_raised(connection, error, statement="BEGIN or COMMIT") from error


def _keeper(options: Mapping[str, Any]) -> TimeKeeper | None:
    found: TimeKeeper | None = options.get("dayfile_time")
    return found


def _ask(keeper: TimeKeeper | None, ask: Callable[[], datetime]) -> None:
    if keeper is None:
        ask()
    else:
        keeper.sample(ask)
