"""Statements that are made once for each dialect and then run as they are, for what is asked many times a second.

To look a statement up, bind its values and wrap its rows takes SQLAlchemy several times as long as SQLite needs to
answer. What the columns and parameters mean is left to their types, here as there. PostgreSQL keeps them prepared, if
its session is this process's own (`postgres_session.py`).
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from operator import itemgetter
from typing import Any, Final, cast

from sqlalchemy import BindParameter, ColumnElement, Connection, bindparam, literal_column
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import Select
from sqlalchemy.sql.dml import ReturningUpdate
from sqlalchemy.sql.visitors import replacement_traverse

from dayfile.errors import DamagedRow
from dayfile.store.columns import MOST, Checked
from dayfile.store.dialect import BATCH, in_batches
from dayfile.store.postgres_session import as_raised, rows_of
from dayfile.store.sound_rows import sound_rows

Query = Select[Any] | ReturningUpdate[Any]
Processor = Callable[[Any], Any]

_LENGTHS: Final = (1, 10, 50, BATCH)
_ONE: Final = "one_of_some_"

_NONE: Final = type(None)

_SHAPES: Final = 200
"""The most combinations of types in a row that a statement remembers."""


class Prepared:
    """A SELECT, or an UPDATE that returns something, whose parameters are named `bindparam`s, none of them a list.

    Safe to use from several threads.

    `row` is the class of its rows, a named tuple whose fields are the columns; without one, they have a class of their
    own. So many rows are `remembered`: one that is read again, with the same columns, is the same value as before.
    """

    def __init__(self, query: Query, *, row: Any = None, remembered: int = 0) -> None:
        self._query = query
        self._remembered = remembered
        names = tuple(column.name for column in query.exported_columns)
        own: Any = namedtuple("Row", names)  # type: ignore[misc]  # noqa: PYI024 - they are known only here
        self._row = row or own
        if self._row._fields != names:
            raise TypeError(f"the columns {names} are not the fields of {self._row.__name__}")
        self._of_dialect: dict[str, _Text] = {}

    def rows(self, connection: Connection, **values: Any) -> list[Any]:
        """Return the rows, which have the columns as attributes; raises as `Connection.execute` does."""
        dialect = connection.dialect
        text = self._of_dialect.get(dialect.name)
        if text is None:
            text = self._of_dialect[dialect.name] = _text(self._query, dialect, self._row, remembered=self._remembered)
        return text.run(connection, values)

    def sound_rows(self, connection: Connection, **values: Any) -> list[Any]:
        """Return the rows of a SELECT about many, without those that cannot be read; raises as `rows` does."""
        try:
            return self.rows(connection, **values)
        except DamagedRow:
            query: Any = self._query
            return sound_rows(connection, query, lambda row: row, **values)

    def row(self, connection: Connection, **values: Any) -> Any | None:
        """Return the only row, or None; raises as `rows` does."""
        found = self.rows(connection, **values)
        return found[0] if found else None


class PreparedForSome:
    """A SELECT about some of the values of a column; otherwise as `Prepared`.

    There is a statement for each of a few lengths of the list, which is filled up with its last value.
    """

    def __init__(self, query: Select[Any], column: ColumnElement[Any]) -> None:
        self._query = query
        self._column = column
        self._of_length: dict[int, Prepared] = {}

    def rows(self, connection: Connection, some: Iterable[Any], **values: Any) -> Iterator[Any]:
        """Yield the rows, as `Prepared` returns them; raises as it does."""
        for batch in in_batches(some):
            length = next(length for length in _LENGTHS if len(batch) <= length)
            filled = batch + batch[-1:] * (length - len(batch))
            listed = {f"{_ONE}{at}": one for at, one in enumerate(filled)}
            yield from self._statement(length).rows(connection, **listed, **values)

    def _statement(self, length: int) -> Prepared:
        found = self._of_length.get(length)
        if found is None:
            listed = [bindparam(f"{_ONE}{at}", type_=self._column.type) for at in range(length)]
            found = self._of_length[length] = Prepared(self._query.where(self._column.in_(listed)))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    """A statement as the driver takes it."""

    sql: str
    order: Sequence[str] | None  # of the parameters; None: they are named
    constants: dict[str, Any]  # that are not in the text
    binding: Sequence[tuple[str, Processor]]
    read: Callable[[Sequence[Sequence[Any]]], list[Any]]
    is_postgres: bool

    def run(self, connection: Connection, values: dict[str, Any]) -> list[Any]:
        given = {**self.constants, **values}
        for name, process in self.binding:
            given[name] = process(given[name])
        parameters: Any = given if self.order is None else [given[name] for name in self.order]
        if self.is_postgres:
            return self.read(rows_of(connection, self.sql, parameters))
        driver: Any = connection.connection.dbapi_connection
        errors: Any = connection.dialect.dbapi
        try:
            found = driver.execute(self.sql, parameters).fetchall()
        except errors.Error as error:
            raise as_raised(connection, error, statement=self.sql) from error
        return self.read(found)


class _Rows:
    """The rows of a statement, made of the columns as the driver gives them."""

    def __init__(
        self, row: Any, *, checked: Sequence[tuple[int, Checked]], reading: Sequence[tuple[int, Processor]]
    ) -> None:
        self._row = partial(tuple.__new__, row)  # a third of what the row's own `_make` takes
        self._checked = checked
        self._reading = reading
        self._shapes: dict[tuple[type, ...], Processor] = {}  # of rows that were checked: what takes out their numbers

    def read(self, found: Sequence[Sequence[Any]]) -> list[Any]:
        """Return what the types of the columns make of rows; column by column takes half of row by row.

        Raises DamagedRow.
        """
        if not found:
            return []
        # One row is known by the types in it: nearly all of a statement's are of a few shapes.
        is_sound = not self._checked or (len(found) == 1 and self._is_sound(found[0]))
        if is_sound and not self._reading:
            return list(map(self._row, found))
        columns: list[Iterable[Any]] = list(zip(*found, strict=True))
        if not is_sound:
            self._check(columns, found[0])
        for at, process in self._reading:
            columns[at] = map(process, columns[at])
        return list(map(self._row, zip(*columns, strict=True)))

    def remembering(self, most: int) -> Callable[[Sequence[Sequence[Any]]], list[Any]]:
        """Return the same as `read`, for rows that are read again and again: the last of them are remembered."""
        read_one = lru_cache(maxsize=most)(self._read_one)
        return lambda found: list(map(read_one, found))

    def _read_one(self, found: Sequence[Any]) -> Any:
        [value] = self.read([found])
        return value

    def _is_sound(self, row: Sequence[Any]) -> bool:
        """Return True if a row is known to have only values that it can have."""
        numbers = self._shapes.get(tuple(map(type, row)))
        if numbers is None:
            return False
        total: int = sum(numbers(row))
        return abs(total) <= MOST

    def _check(self, columns: Sequence[Iterable[Any]], first: Sequence[Any]) -> None:
        """Raise DamagedRow if a column has values that it cannot have.

        The numbers of a column are summed up first, which takes a quarter of comparing each. It misses one that is just
        beyond MOST, and two that cancel each other out; `dayfile check` names both.
        """
        for at, column in self._checked:
            kinds = set(map(type, columns[at]))
            if not column.kinds.issuperset(kinds):
                raise column.refusal(column.expected)
            if column.is_limited and not _are_plausible(columns[at], has_none=_NONE in kinds):
                raise column.beyond()
        if len(self._shapes) < _SHAPES:
            shape = tuple(map(type, first))
            self._shapes[shape] = _numbers(at for at, one in self._checked if one.is_limited and shape[at] is int)


def _are_plausible(column: Iterable[Any], *, has_none: bool) -> bool:
    numbers = tuple(filter(None, column)) if has_none else column
    total: int = sum(numbers)
    return abs(total) <= MOST or max(map(abs, numbers)) <= MOST


def _numbers(places: Iterable[int]) -> Processor:
    """Return the function that takes the values at some places out of a row."""
    match tuple(places):
        case ():
            return lambda _: ()
        case (one,):
            return lambda row: (row[one],)
        case several:
            return itemgetter(*several)


def _text(query: Query, dialect: Dialect, row: Any, *, remembered: int) -> _Text:
    spoken: Any = dialect
    if dialect.name == "postgresql":
        of_driver: Any = type(dialect)
        spoken = of_driver(paramstyle="numeric_dollar")  # as the server has it; psycopg has its own way
    compiled: Any = _with_constants(query, dialect).compile(dialect=spoken)
    binding = {name: bound.type.dialect_impl(dialect).bind_processor(dialect) for name, bound in compiled.binds.items()}
    columns = list(query.exported_columns)
    is_checked = dialect.name == "sqlite"
    checked = [
        (at, column.type) for at, column in enumerate(columns) if is_checked and isinstance(column.type, Checked)
    ]
    # What is checked by the shapes of rows, which costs a tenth, is not read by a function for each value as well.
    left = {at for at, _ in checked}
    reading = [
        None if at in left else column.type.dialect_impl(dialect).result_processor(dialect, None)
        for at, column in enumerate(columns)
    ]
    rows = _Rows(
        row, checked=checked, reading=[(at, process) for at, process in enumerate(reading) if process is not None]
    )
    return _Text(
        sql=str(compiled),
        order=compiled.positiontup,
        constants={name: value for name, value in compiled.params.items() if value is not None},
        binding=[(name, process) for name, process in binding.items() if process is not None],
        read=rows.remembering(remembered) if remembered else rows.read,
        is_postgres=dialect.name == "postgresql",
    )


def _with_constants(query: Query, dialect: Dialect) -> Query:
    """Return a query with the values that it has already in its text, so that only named parameters are left.

    SQLite plans a statement anew each time that a parameter is given a value which might make a partial index fit.
    """

    def constant(element: Any, **_: Any) -> Any:
        # A percent sign stays out of the text, where psycopg would take it for a parameter.
        if not isinstance(element, BindParameter) or element.value is None or "%" in str(element.value):
            return None
        written: Any = element.type.dialect_impl(dialect).literal_processor(dialect)
        return literal_column(written(element.value), element.type)

    replaced: Any = replacement_traverse(query, {}, constant)
    return cast("Query", replaced)
