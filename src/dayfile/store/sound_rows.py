"""Reading of many rows of which some may say what they cannot: those are left out, and stop nobody else.

Nothing of it costs anything as long as all rows can be read.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.sql import Select

from dayfile.errors import DamagedRow

T = TypeVar("T")

Refused = Callable[[Any, DamagedRow], None]
"""A function that is called with a row as the driver gave it, columns as attributes, and with why it cannot be read."""


def sound_rows(
    connection: Connection,
    query: Select[Any],
    make: Callable[[Any], T],
    *,
    on_refused: Refused = lambda _, __: None,
    **values: Any,
) -> list[T]:
    """Return what a function makes of the rows of a query, without those for which it, or a column, raises DamagedRow.

    `dayfile check` names these.
    """
    try:
        return [make(row) for row in connection.execute(query, values)]
    except DamagedRow:
        return list(_one_by_one(connection, query, values, make=make, on_refused=on_refused))


def _one_by_one(
    connection: Connection,
    query: Select[Any],
    values: dict[str, Any],
    *,
    make: Callable[[Any], T],
    on_refused: Refused,
) -> Iterator[T]:
    dialect = connection.dialect
    columns = list(query.exported_columns)
    reading = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
    row_of: Any = namedtuple("Row", [column.name for column in columns])  # type: ignore[misc]  # noqa: PYI024 - known only here
    with any_text(connection):
        result: Any = connection.execute(query, values)
        found = result.cursor.fetchall()  # the driver's, past what the types of the columns make of it
        result.close()
    for raw in found:
        try:
            read = (value if process is None else process(value) for process, value in zip(reading, raw, strict=True))
            yield make(row_of(*read))
        except DamagedRow as error:
            on_refused(row_of(*raw), error)


@contextmanager
def any_text(connection: Connection) -> Iterator[None]:
    """Have SQLite give texts that are not UTF-8 as bytes, which no column of texts may have."""
    driver: Any = connection.connection.dbapi_connection
    if connection.dialect.name != "sqlite":
        yield
        return
    was, driver.text_factory = driver.text_factory, _text
    try:
        yield
    finally:
        driver.text_factory = was


def _text(stored: bytes) -> str | bytes:
    try:
        return stored.decode()
    except UnicodeDecodeError:
        return stored
