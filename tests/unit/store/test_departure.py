"""A database that is closed, since its instance moves: nobody writes to it, and nobody opens it for anything else."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, Table, insert

from dayfile.errors import Conflict, LostClaim, Moved, Unusable
from dayfile.store import schema
from dayfile.store.database import Database
from dayfile.store.database_users import others_of
from dayfile.store.departure import Departure, Stage
from dayfile.store.tables.instance import instance
from dayfile.store.tables.metadata import metadata
from tests.support.any_rows import fill_tables, rows_of
from tests.support.state import an_account

DEPARTURE = Departure(id="1", database="sqlite:////new/dayfile.sqlite", storage="s3://new", begun_at="2026-11-01")


def _write(connection: Connection, table: Table, how: str) -> None:
    column = next(iter(table.columns))
    if how == "insert":
        row = connection.execute(table.select()).mappings().first()
        assert row is not None
        connection.execute(insert(table).values({name: row[table.c[name]] for name in table.c.keys()}))  # noqa: SIM118
    elif how == "update":
        connection.execute(table.update().values({column.key: column}))
    else:
        connection.execute(table.delete())


@pytest.mark.parametrize("how", ["insert", "update", "delete"])
def test_no_table_of_a_closed_database_takes_a_write(database: Database, how: str) -> None:
    """Also one of a process that began before: a record that it accepted there would be in no new place."""
    with database.exclusively() as connection:
        fill_tables(connection)
        before = rows_of(connection)
    with database.transaction() as tx:
        tx.departures.begin(DEPARTURE)
    for table in metadata.sorted_tables:
        if table is not instance:
            with pytest.raises(Moved, match="is closed"), database.transaction() as tx:
                _write(tx._connection, table, how)
    with database.looked_into() as connection:
        after = rows_of(connection)
    assert {name: rows for name, rows in after.items() if name != "instance"} == {
        name: rows for name, rows in before.items() if name != "instance"
    }
    with database.transaction() as tx:
        tx.departures.end()
    with database.looked_into() as connection:
        assert rows_of(connection) == before
    with database.transaction() as tx:
        _write(tx._connection, metadata.tables["account"], "update")


def test_a_write_that_is_refused_is_not_taken_for_a_duplicate(database: Database) -> None:
    """On SQLite both are errors of a constraint, and a sender would be told that its batch is there."""
    with database.transaction() as tx:
        tx.departures.begin(DEPARTURE)
    with pytest.raises(Moved):
        an_account(database)


def test_whoever_opens_it_is_told_where_the_instance_is(database: Database) -> None:
    """Before a migration: one would meet the same triggers. A probe tells strangers nothing of the place."""
    with database.transaction() as tx:
        tx.departures.begin(DEPARTURE)
    with pytest.raises(Unusable, match=r"on its way to sqlite:////new/dayfile\.sqlite and s3://new .*--reopen"):
        schema.migrate(database)
    with pytest.raises(Moved) as refused:
        database.probe()
    assert "new" not in str(refused.value)
    done = Departure(id="1", database=None, storage="s3://new", begun_at="", stage=Stage.DONE)
    with database.transaction() as tx:
        tx.departures.note(DEPARTURE, done)
    with pytest.raises(Unusable, match="has moved to s3://new: set DAYFILE_STORAGE_URL=s3://new"):
        schema.migrate(database)
    with database.transaction() as tx:
        assert tx.departures.find() is not None
        tx.departures.end()
        tx.departures.end()
    schema.migrate(database)
    database.probe()


def test_only_who_knows_where_a_move_is_goes_on_with_it(database: Database) -> None:
    """Another process has given it up, or goes on with it, or has begun one this moment."""
    further = replace(DEPARTURE, stage=Stage.DATABASE, runner="one")
    with database.transaction() as tx:
        tx.departures.begin(DEPARTURE)
    with pytest.raises(Conflict, match="another process has begun"), database.transaction() as tx:
        tx.departures.begin(replace(DEPARTURE, id="2"))
    with database.transaction() as tx:
        tx.departures.note(DEPARTURE, further)
    for was in (DEPARTURE, replace(further, runner="another"), replace(further, id="2")):
        with pytest.raises(LostClaim), database.transaction() as tx:
            tx.departures.note(was, replace(was, stage=Stage.DONE))
        with pytest.raises(LostClaim), database.snapshot() as tx:
            tx.departures.check(was, is_locked=False)
    with database.snapshot() as tx:
        tx.departures.check(further, is_locked=False)
    with database.transaction() as tx:
        tx.departures.end()
    with pytest.raises(LostClaim), database.transaction() as tx:
        tx.departures.note(further, replace(further, stage=Stage.DONE))
    database.probe()


def test_others_who_have_it_open_are_seen(database: Database) -> None:
    """They would be cut off in the middle of what they do."""
    url = database.engine.url.render_as_string(hide_password=False)
    database.close()
    with closing(Database.connect(url, connections=1)) as alone:
        assert others_of(alone) == []
        with closing(Database.connect(url)) as other, other.snapshot():
            [told] = others_of(alone)
        assert "another process" in told or "1 sessions" in told
        if alone.file is None:
            with closing(Database.connect(url)) as pooler:
                with pooler.snapshot() as tx:
                    tx.accounts.count()
                    assert others_of(alone, unused_for=timedelta(0)) != []
                assert others_of(alone) != []
                assert others_of(alone, unused_for=timedelta(0)) == []
