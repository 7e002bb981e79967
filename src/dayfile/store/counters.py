"""Counters: numbers that are given once each, in the order of the commits that take them."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, bindparam, case, func, select, update

from dayfile.errors import DamagedRow
from dayfile.store.columns import MOST, row_name
from dayfile.store.dialect import insert_missing
from dayfile.store.prepared import Prepared
from dayfile.store.tables.instance import counter


def next_number(connection: Connection, name: str, *, taken: Column[int] | None = None) -> int:
    """Return the next value of a counter; other transactions wait for this one, so numbers commit in their order.

    It is beyond every value of the column `taken`: a row that was edited must not make the counter run into it.
    """
    statement = _next_number(taken)
    row = statement.row(connection, counter=name)
    if row is None:  # the first of all
        insert_missing(connection, counter, [{"name": name, "value": 0}])
        row = statement.row(connection, counter=name)
    if row is None:
        raise DamagedRow(f"{row_name('counter', name)} in the state database has a value that is no number of ours")
    return int(row.value)


@cache  # to make a statement takes longer than to run it
def _next_number(taken: Column[int] | None) -> Prepared:
    value: ColumnElement[int] = counter.c.value
    if taken is not None:
        last = select(taken).where(taken < MOST).order_by(taken.desc()).limit(1).scalar_subquery()
        highest: Any = func.coalesce(last, 0)
        value = case((highest > value, highest), else_=value)
    of_name = counter.c.name == bindparam("counter")
    of_number = counter.c.value < MOST  # a text is not: it would count as 0, and numbers would be given twice
    return Prepared(update(counter).where(of_name, of_number).values(value=value + 1).returning(counter.c.value))
