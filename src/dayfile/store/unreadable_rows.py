"""Rows that say what no Dayfile writes, of all tables: they were edited, or are damaged.

Apart, because it looks into the tables of all families, by the kinds of their columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    LargeBinary,
    String,
    Table,
    and_,
    cast,
    func,
    or_,
    select,
    type_coerce,
)

from dayfile.errors import DamagedRow
from dayfile.model.account import AccountState
from dayfile.model.credential import KeyKind
from dayfile.model.damage import DamageKind, DamageState
from dayfile.model.job import Status
from dayfile.model.lane import LaneHealth
from dayfile.model.notice import Channel, NoticeEvent, NoticeState
from dayfile.store.columns import (
    FIRST_MICROSECOND,
    LAST_MICROSECOND,
    MOST,
    Checked,
    CheckedBoolean,
    DayText,
    Duration,
    Moment,
    known_type,
    read_day,
    row_name,
)
from dayfile.store.sound_rows import any_text
from dayfile.store.tables.accounts import account, api_key
from dayfile.store.tables.exports import job_day
from dayfile.store.tables.metadata import metadata
from dayfile.store.tables.notices import lane, notice
from dayfile.store.tables.sealing import damage

CHOICES: Final[Mapping[Column[Any], type[Enum]]] = {
    account.c.state: AccountState,
    api_key.c.kind: KeyKind,
    job_day.c.status: Status,
    lane.c.channel: Channel,
    lane.c.health: LaneHealth,
    notice.c.channel: Channel,
    notice.c.event: NoticeEvent,
    notice.c.state: NoticeState,
    damage.c.kind: DamageKind,
    damage.c.state: DamageState,
}
"""Columns whose words are a few, and read as such."""

_STORED_AS: Final = {int: "integer", str: "text", bytes: "blob", type(None): "null"}
"""The names that SQLite has for what Python reads as values of a type."""

_BEYOND_ASCII: Final = "*[^\x01-\x7f]*"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableRow:
    """A row that says what it cannot, and in which column."""

    name: str
    column: str
    reason: str


class UnreadableRows:
    """The search for rows that cannot be read, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_sqlite = connection.dialect.name == "sqlite"

    def find(self, *, limit: int) -> list[UnreadableRow]:
        """Return the rows that cannot be read, at most so many of each table."""
        return [found for table in metadata.sorted_tables for found in self.of_table(table, limit=limit)]

    def of_table(self, table: Table, *, limit: int) -> list[UnreadableRow]:
        """Return such rows of one table; one that is wrong in several columns is there once for each."""
        if self._is_sqlite:
            driver: Any = self._connection.connection.dbapi_connection
            driver.create_function("dayfile_is_text", 1, _is_text, deterministic=True)
        rules = [(column, reason, wrong) for column in table.c for reason, wrong in self._rules(column)]
        if not rules:
            return []
        keys = [_as_written(key).label(f"key_{at}") for at, key in enumerate(table.primary_key)]
        are_wrong = [wrong.label(f"rule_{at}") for at, (_, _, wrong) in enumerate(rules)]
        query = select(*keys, *are_wrong).where(or_(*(wrong for _, _, wrong in rules)))
        with any_text(self._connection):
            rows = self._connection.execute(query.order_by(*table.primary_key).limit(limit)).all()
        return [
            UnreadableRow(name=row_name(table.name, *row[: len(keys)]), column=column.name, reason=reason)
            for row in rows
            for (column, reason, _), is_wrong in zip(rules, row[len(keys) :], strict=True)
            if is_wrong
        ]

    def _rules(self, column: Column[Any]) -> Iterator[tuple[str, ColumnElement[bool]]]:
        """Yield the reasons for which a row cannot be read, each with the condition that it is one."""
        if self._is_sqlite:
            yield from self._kinds(column)
        if column.name == "resource_type":
            yield "it is no resource type", ~known_type(column.table)
        if column in CHOICES:
            words = [choice.value for choice in CHOICES[column]]
            yield f"it is none of {', '.join(words)}", column.not_in(words)
        match column.type:
            case Moment() | Duration():
                raw = type_coerce(column, BigInteger)
                yield "it is in no calendar", or_(raw < FIRST_MICROSECOND, raw > LAST_MICROSECOND)
            case DayText():
                yield from (("it is no day of the calendar", _as_written(column) == one) for one in self._days(column))
            case Checked() if column.type.is_limited:
                raw = type_coerce(column, BigInteger)
                yield "nothing is counted like that", or_(raw < 0, raw > MOST)

    def _kinds(self, column: Column[Any]) -> Iterator[tuple[str, ColumnElement[bool]]]:
        match column.type:
            case Checked():
                kinds, expected = column.type.kinds, column.type.expected
            case Moment() | Duration():
                kinds, expected = frozenset({int, type(None)}), "whole number"
            case DayText():
                kinds, expected = frozenset({str, type(None)}), "text"
            case CheckedBoolean():
                yield "it is no truth value", type_coerce(column, BigInteger).not_in([0, 1])
                return
            case _:
                return
        yield f"it is no {expected}", func.typeof(column).not_in([_STORED_AS[kind] for kind in kinds])
        if str in kinds:
            # Most texts are ASCII, which SQLite finds out itself.
            raw = _as_written(column)
            is_text: ColumnElement[bool] = func.dayfile_is_text(cast(raw, LargeBinary))
            is_odd = and_(func.typeof(column) == "text", raw.op("GLOB")(_BEYOND_ASCII), is_text == 0)
            yield "it is a text that is not UTF-8", is_odd

    def _days(self, column: Column[Any]) -> Iterator[str]:
        raw = _as_written(column)
        query = select(raw).where(column.is_not(None)).distinct()
        with any_text(self._connection):
            texts = self._connection.execute(query).scalars().all()
        for text in texts:
            try:
                read_day(text)
            except DamagedRow:
                if isinstance(text, str):  # another kind is told as such
                    yield text


def _is_text(stored: bytes | None) -> bool:
    try:
        (stored or b"").decode()
    except UnicodeDecodeError:
        return False
    return True


def _as_written(column: Column[Any]) -> Any:
    """Return a column with what it has, whatever its type makes of that."""
    return type_coerce(column, String)
