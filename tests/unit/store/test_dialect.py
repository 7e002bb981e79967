"""Statements that the dialects spell differently."""

from __future__ import annotations

import pytest

from dayfile.store.database import Database
from dayfile.store.dialect import insert_columns
from dayfile.store.tables.instance import counter


def test_columns_of_unequal_length_are_refused(database: Database) -> None:
    """The rows that only one of them has would be missing, and nobody would ever know."""
    for names, values in ((["a", "b"], [1]), (["a"], [1, 2]), ([], [1])):
        with pytest.raises(ValueError, match="argument 2 is"), database.transaction() as tx:
            insert_columns(tx._connection, counter, {"name": names, "value": values})
    with database.transaction() as tx:
        insert_columns(tx._connection, counter, {"name": ["a", "b"]}, value=3)
        insert_columns(tx._connection, counter, {}, value=3)
    with database.looked_into() as connection:
        rows = connection.execute(counter.select().where(counter.c.name.in_(["a", "b"]))).all()
    assert [tuple(row) for row in rows] == [("a", 3), ("b", 3)]
