"""SELECTs that are made once for each dialect and then run as they are, for what is asked many times a second.

To look a statement up, bind its values and wrap its rows takes SQLAlchemy several times as long as SQLite needs to
answer. What the columns and parameters mean is left to their types, here as there. Nothing is prepared in the database:
behind a pooler, a session's next transaction is another client's.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import Select

Processor = Callable[[Any], Any]


class Prepared:
    """A SELECT whose parameters are named `bindparam`s, none of them a list. Safe to use from several threads."""

    def __init__(self, query: Select[Any]) -> None:
        self._query = query
        self._of_dialect: dict[str, _Text] = {}

    def rows(self, connection: Connection, **values: Any) -> list[Any]:
        """Return the rows, which have the columns as attributes; raises as `Connection.execute` does."""
        dialect = connection.dialect
        text = self._of_dialect.get(dialect.name)
        if text is None:
            text = self._of_dialect[dialect.name] = _text(self._query, dialect)
        return text.run(connection, values)

    def row(self, connection: Connection, **values: Any) -> Any | None:
        """Return the only row, or None; raises as `rows` does."""
        found = self.rows(connection, **values)
        return found[0] if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    """A statement as the driver takes it."""

    sql: str
    order: Sequence[str] | None  # of the parameters; None: they are named
    constants: dict[str, Any]
    binding: Sequence[tuple[str, Processor]]
    reading: Sequence[tuple[int, Processor]]
    row: Callable[[Sequence[Any]], Any]

    def run(self, connection: Connection, values: dict[str, Any]) -> list[Any]:
        given = {**self.constants, **values}
        for name, process in self.binding:
            given[name] = process(given[name])
        parameters = given if self.order is None else [given[name] for name in self.order]
        driver: Any = connection.connection.dbapi_connection
        errors: Any = connection.dialect.dbapi
        try:
            found = driver.execute(self.sql, parameters).fetchall()
        except errors.Error as error:
            raise DBAPIError.instance(
                self.sql,
                None,
                error,
                errors.Error,
                hide_parameters=True,
                dialect=connection.dialect,
                connection_invalidated=connection.dialect.is_disconnect(error, driver, None),
            ) from error
        return [self._read(row) for row in found]

    def _read(self, stored: Sequence[Any]) -> Any:
        values = list(stored)
        for at, process in self.reading:
            values[at] = process(values[at])
        return self.row(values)


def _text(query: Select[Any], dialect: Dialect) -> _Text:
    compiled: Any = query.compile(dialect=dialect)
    binding = {name: bound.type.dialect_impl(dialect).bind_processor(dialect) for name, bound in compiled.binds.items()}
    columns = list(query.selected_columns)
    reading = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
    names = [column.name for column in columns]
    row: Any = namedtuple("Row", names)  # type: ignore[misc]  # noqa: PYI024 - they are known only here
    return _Text(
        sql=str(compiled),
        order=compiled.positiontup,
        constants={name: value for name, value in compiled.params.items() if value is not None},
        binding=[(name, process) for name, process in binding.items() if process is not None],
        reading=[(at, process) for at, process in enumerate(reading) if process is not None],
        row=row._make,
    )
