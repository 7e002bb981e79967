"""Statements that the dialects spell differently."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, Table, Text
from sqlalchemy.exc import DBAPIError

from dayfile.model.day import Day
from dayfile.store.database import Database
from dayfile.store.dialect import insert_columns
from dayfile.store.tables.exports import quota_day
from dayfile.store.tables.instance import counter
from tests.support.postgres import a_postgres_database

TODAY = Day.parse("2026-11-23")


def test_columns_of_unequal_length_are_refused(database: Database) -> None:
    """The rows that only one of them has would be missing, and nobody would ever know."""
    for names, values in ((["a", "b"], [1]), (["a"], [1, 2]), ([], [1])):
        with pytest.raises(ValueError, match="not equally long"), database.transaction() as tx:
            insert_columns(tx._connection, counter, {"name": names, "value": values})
    with database.transaction() as tx:
        insert_columns(tx._connection, counter, {"name": ["a", "b"]}, value=3)
        insert_columns(tx._connection, counter, {}, value=3)
    with database.looked_into() as connection:
        rows = connection.execute(counter.select().where(counter.c.name.in_(["a", "b"]))).all()
    assert [tuple(row) for row in rows] == [("a", 3), ("b", 3)]


def test_columns_arrive_as_they_are(database: Database) -> None:
    """PostgreSQL takes them as arrays in text, which have marks of their own."""
    texts = ["", "NULL", "null", '"', "\\", '\\"', "a,b", "{}", " a ", "é€😀", "line\nline", "%s", "$1", None]
    given = Table("given", MetaData(), Column("at", BigInteger), Column("said", Text), Column("raw", LargeBinary))
    columns: dict[str, list[Any]] = {
        "at": list(range(len(texts))),
        "said": texts,
        "raw": [None if text is None else b"\x00\\\xff" + text.encode() for text in texts],
    }
    with database.exclusively() as connection:
        given.create(connection)
        insert_columns(connection, given, columns)
        rows = connection.execute(given.select().order_by(given.c.at)).all()
    assert [tuple(row) for row in rows] == list(zip(*columns.values(), strict=True))


def test_a_text_that_postgresql_has_no_room_for_is_refused() -> None:
    """It would be cut, if it were cast to what its column takes."""
    with closing(a_postgres_database()) as database:
        with pytest.raises(DBAPIError, match="too long"), database.transaction() as tx:
            insert_columns(tx._connection, quota_day, {"root_account": ["AC" * 20]}, day=TODAY, requested=1)
        with pytest.raises(DBAPIError, match="NUL"), database.transaction() as tx:
            insert_columns(tx._connection, quota_day, {"root_account": ["AC\x00"]}, day=TODAY, requested=1)
