"""Statements that are compiled once for all databases of a test process, instead of once for each.

A process of the product opens one database and compiles each of its statements once. Tests open thousands of databases,
and would spend a fifth of their time on compiling the same statements again. SQLAlchemy keeps what it has compiled for
an engine and under its dialect: here all engines keep it in one place, and two dialects of one kind are equal, as they
are where all databases are of one SQLite library or of one PostgreSQL server.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Engine, create_engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

from dayfile.store import engines

_KEPT: Final = 5_000  # statements: more than there are

_compiled: LRUCache[Any, Any] = LRUCache(_KEPT)


def share_compiled() -> None:
    """Have all databases that this process opens share their compiled statements."""
    for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg):
        dialect.__eq__ = lambda one, other: type(one) is type(other)  # type: ignore[method-assign]
        dialect.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign]
    engines.create_engine = _sharing_engine  # type: ignore[attr-defined]


def _sharing_engine(*args: Any, **options: Any) -> Engine:
    engine = create_engine(*args, **options)
    engine.update_execution_options(compiled_cache=_compiled)
    return engine
