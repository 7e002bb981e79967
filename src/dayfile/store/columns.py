"""Column types that every database stores, compares and sorts alike.

Moments are microseconds since 1970 (UTC), days are `yyyy-mm-dd`: neither has a zone that a driver could reinterpret.

SQLite lets any column have any value, and rows are edited. What a value of another kind means is decided here, once for
all columns: whoever reads it meets DamagedRow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import Any, ClassVar, Final, TypeVar

from sqlalchemy import BigInteger, Boolean, Column, ColumnElement, Integer, LargeBinary, String, Table, Text, case, func
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from dayfile.errors import DamagedRow, InvalidParameter
from dayfile.model.day import Day
from dayfile.model.resource import TYPE_BY_NAME, ResourceType

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

MOST: Final = 1 << 53
"""The number that nothing which is counted here comes near: what a row says beyond it was edited."""
FIRST_MICROSECOND: Final = (datetime.min.replace(tzinfo=UTC) - EPOCH) // _MICROSECOND
LAST_MICROSECOND: Final = (datetime.max.replace(tzinfo=UTC) - EPOCH) // _MICROSECOND


C = TypeVar("C", bound=Enum)


class _OfColumn:
    """A type that knows its column, so that an error can name it."""

    column: Column[Any] | None = None

    def adapt(self, cls: type[Any], **given: Any) -> Any:
        """Return the same type for a dialect; it is of the same column."""
        adapted: Any = super().adapt(cls, **given)  # type: ignore[misc]  # of SQLAlchemy's type, beside which this one is
        adapted.column = self.column
        return adapted

    def refusal(self, expected: str) -> DamagedRow:
        """Return the error for a value, which is not repeated: it may be anything, a secret, too."""
        if self.column is None:
            return DamagedRow(f"a row of the state database has something that is no {expected}")
        place = f"the column {self.column.name} of the table {self.column.table.name}"
        return DamagedRow(f"a row of the state database has something in {place} that is no {expected}")


class Moment(_OfColumn, TypeDecorator[datetime]):
    """An aware moment as microseconds since 1970, UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        moment: datetime | None = self.result_processor(dialect, None)(value)
        return moment

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        def read(value: Any) -> datetime | None:
            try:
                return None if value is None else EPOCH + value * _MICROSECOND
            except (OverflowError, TypeError) as error:
                raise self.refusal("time") from error

        return read  # SQLAlchemy's way through `process_result_value` takes twice as long


class Duration(_OfColumn, TypeDecorator[timedelta]):
    """A duration in microseconds, at most as long as the calendar."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: timedelta | None, dialect: Dialect) -> int | None:
        return None if value is None else value // _MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> timedelta | None:
        if value is None:
            return None
        if type(value) is not int or abs(value) > LAST_MICROSECOND:
            raise self.refusal("duration")
        return value * _MICROSECOND


class DayText(_OfColumn, TypeDecorator[Day]):
    """A day as `yyyy-mm-dd`."""

    impl = String(10)
    cache_ok = True

    def process_bind_param(self, value: Day | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Day | None:
        day: Day | None = self.result_processor(dialect, None)(value)
        return day

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Day | None]:
        def read(value: Any) -> Day | None:
            try:
                return None if value is None else read_day(value)
            except DamagedRow as error:
                raise self.refusal("day") from error

        return read


class Checked(_OfColumn):
    """A type of values that Python has as they are: of another kind, they are refused where they are read."""

    kinds: ClassVar[frozenset[type]]
    expected: ClassVar[str]
    is_limited: ClassVar[bool] = False
    """True of numbers that are refused beyond MOST: what is counted on with them must not overflow for others."""

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        if dialect.name == "postgresql":
            return None  # it has no such values

        def read(value: Any) -> Any:
            if type(value) not in kinds:
                raise self.refusal(self.expected)
            if is_limited and value is not None and not -MOST <= value <= MOST:
                raise self.beyond()
            return value

        kinds, is_limited = self.kinds, self.is_limited
        return read

    def beyond(self) -> DamagedRow:
        """Return the error for a number beyond MOST."""
        return self.refusal("plausible number")


class AnyNumber(BigInteger):
    """A number of somebody else, who may count as far as the database can."""


class _Number(Checked):
    kinds = frozenset({int, type(None)})
    expected = "whole number"
    is_limited = True


class _Words(Checked):
    kinds = frozenset({str, type(None)})
    expected = "text"


class _CheckedInteger(_Number, Integer):
    pass


class _CheckedBigInteger(_Number, BigInteger):
    pass


class _CheckedAnyNumber(_Number, AnyNumber):
    is_limited = False


class CheckedBoolean(_OfColumn, Boolean):
    """A truth value, which SQLite has as 0 or 1."""

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], bool | None] | None:
        if dialect.name == "postgresql":
            return None  # it has no others

        def read(value: Any) -> bool | None:
            try:
                return _TRUTHS[value]
            except KeyError as error:
                raise self.refusal("truth value") from error

        return read


_TRUTHS: Final[Mapping[Any, bool | None]] = {0: False, 1: True, None: None}


class _CheckedString(_Words, String):
    pass


class _CheckedText(_Words, Text):
    pass


class _CheckedBytes(Checked, LargeBinary):
    kinds = frozenset({bytes, type(None)})
    expected = "sequence of bytes"


_CHECKED: Final[Mapping[type, type[Any]]] = {
    Integer: _CheckedInteger,
    BigInteger: _CheckedBigInteger,
    AnyNumber: _CheckedAnyNumber,
    Boolean: CheckedBoolean,
    String: _CheckedString,
    Text: _CheckedText,
    LargeBinary: _CheckedBytes,
}


def check_column(column: Column[Any]) -> None:
    """Have the values of a column checked where they are read, and its name told with those that are refused."""
    checked = _CHECKED.get(type(column.type))
    column.type = column.type.copy() if checked is None else column.type.adapt(checked)
    if isinstance(column.type, _OfColumn):
        column.type.column = column


@lru_cache(maxsize=8192)  # the same few are read again and again
def read_day(text: str) -> Day:
    """Return the day that a column holds as text; raises DamagedRow for one that is not in the calendar."""
    try:
        return Day.parse(text)
    except (InvalidParameter, TypeError) as error:
        raise DamagedRow("a row of the state database has a day that is none") from error


def read_type(name: str, table: str, *key: object) -> ResourceType:
    """Return the resource type that the row of a table with this key has; raises DamagedRow for an unknown one.

    The name is not repeated: in a damaged database it may be anything, a secret, too.
    """
    found = TYPE_BY_NAME.get(name)
    if found is None:
        raise DamagedRow(f"{row_name(table, *key)} in the state database has a resource type that is none")
    return found


def read_choice(kind: type[C], text: str, table: str, *key: object) -> C:
    """Return what the row of a table with this key has chosen of a few; raises DamagedRow if it is none of them."""
    try:
        return kind(text)
    except ValueError as error:
        raise DamagedRow(f"{row_name(table, *key)} in the state database has a word that no Dayfile writes") from error


def known_type(table: Table) -> ColumnElement[bool]:
    """Return the condition that a row has a resource type that there is: one that has another must not stop a walk.

    It is no reason to look rows up by an index of types: nearly all rows have one of them, and a page of a walk over
    their keys would be sorted out of all rows.
    """
    return func.coalesce(table.c.resource_type, "").in_(TYPE_BY_NAME)


def sum_of(column: Column[int]) -> Any:
    """Return the sum of a column; a row that was edited must not make it larger than SQLite can count."""
    return func.sum(case((column.between(0, MOST), column), else_=0))


def row_name(table: str, *key: object) -> str:
    """Return the name of a row, for operators: its table and its primary key."""
    return f"the row {', '.join(map(str, key))} of the table {table}"


def key_text(length: int) -> TypeEngine[str]:
    """Return the type of text that is compared byte by byte everywhere; PostgreSQL's default collation would not."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


# SQLite numbers rows only in a column that is exactly INTEGER.
ROW_ID: TypeEngine[int] = BigInteger().with_variant(Integer(), "sqlite")
SID = key_text(34)
TYPE_NAME = key_text(32)
