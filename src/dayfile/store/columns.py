"""Column types that every database stores, compares and sorts alike.

Moments are microseconds since 1970 (UTC), days are `yyyy-mm-dd`: neither has a zone that a driver could reinterpret.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, String, Table, func
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from dayfile.errors import DamagedRow, InvalidParameter
from dayfile.model.day import Day
from dayfile.model.resource import TYPE_BY_NAME, ResourceType

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """An aware moment as microseconds since 1970, UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return _read_moment(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        return _read_moment  # itself: SQLAlchemy's way through `process_result_value` takes twice as long


class Duration(TypeDecorator[timedelta]):
    """A duration in microseconds."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: timedelta | None, dialect: Dialect) -> int | None:
        return None if value is None else value // _MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> timedelta | None:
        return None if value is None else value * _MICROSECOND


class DayText(TypeDecorator[Day]):
    """A day as `yyyy-mm-dd`."""

    impl = String(10)
    cache_ok = True

    def process_bind_param(self, value: Day | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Day | None:
        return _read_day(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Day | None]:
        return _read_day


def _read_moment(value: Any) -> datetime | None:
    try:
        return None if value is None else _EPOCH + value * _MICROSECOND
    except (OverflowError, TypeError) as error:
        raise DamagedRow("a row of the state database has a time that is none") from error


def _read_day(value: Any) -> Day | None:
    return None if value is None else read_day(value)


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


def known_type(table: Table) -> ColumnElement[bool]:
    """Return the condition that a row has a resource type that there is: one that has another must not stop a walk.

    It is no reason to look rows up by an index of types: nearly all rows have one of them, and a page of a walk over
    their keys would be sorted out of all rows.
    """
    return func.coalesce(table.c.resource_type, "").in_(TYPE_BY_NAME)


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
