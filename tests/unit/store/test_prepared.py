"""Prepared SELECTs: they give what SQLAlchemy gives, and fail as it does, on each kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Column, MetaData, Table, bindparam, insert, literal, select, text, update
from sqlalchemy.exc import DBAPIError

from dayfile.errors import DamagedRow
from dayfile.model.day import Day
from dayfile.store.columns import MOST, Moment
from dayfile.store.database import Database
from dayfile.store.prepared import Prepared, PreparedForSome
from dayfile.store.tables.exports import quota_day
from dayfile.store.tables.sealing import read_object
from tests.support.clock import NOON
from tests.support.postgres import a_postgres_database
from tests.support.state import a_database, a_sid

ACME = a_sid("AC", "acme")
TODAY = Day.parse("2026-11-23")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A new database with quotas of three days."""
    database = a_database(tmp_path) if request.param == "sqlite" else a_postgres_database()
    with database.exclusively() as connection:
        rows = [{"root_account": ACME, "day": TODAY - n, "requested": n} for n in range(3)]
        connection.execute(insert(quota_day), rows)
    yield database
    database.close()


def test_rows_have_what_their_types_make_of_them(database: Database) -> None:
    """A day is a day, as a parameter and in a row; a constant in the statement needs no value."""
    query = (
        select(quota_day)
        .where(quota_day.c.day > bindparam("after"), quota_day.c.root_account == ACME)
        .order_by(quota_day.c.day)
        .limit(bindparam("limit"))
    )
    prepared = Prepared(query)
    with database.looked_into() as connection:
        first = prepared.rows(connection, after=TODAY - 2, limit=5)
        rows = prepared.rows(connection, after=TODAY - 2, limit=5)
        usual = connection.execute(query, {"after": TODAY - 2, "limit": 5}).all()
        assert [tuple(row) for row in first] == [tuple(row) for row in rows] == [tuple(row) for row in usual]
        assert [(row.root_account, row.day, row.requested) for row in rows] == [(ACME, TODAY - 1, 1), (ACME, TODAY, 0)]
        assert prepared.row(connection, after=TODAY, limit=1) is None
        assert prepared.row(connection, after=TODAY - 1, limit=1) == rows[1]


class Quota(NamedTuple):
    """A day, and the number of days that an account has asked for on it."""

    day: Day
    requested: int


def test_rows_are_of_the_class_that_has_their_columns(database: Database) -> None:
    """A class with other fields, or with the same ones in another order, would have values in the wrong places."""
    query = select(quota_day.c.day, quota_day.c.requested).order_by(quota_day.c.day.desc())
    with database.looked_into() as connection:
        [newest, *_] = Prepared(query, row=Quota).rows(connection)
        assert (type(newest), newest) == (Quota, Quota(day=TODAY, requested=0))
    with pytest.raises(TypeError, match="are not the fields of Quota"):
        Prepared(select(quota_day.c.requested, quota_day.c.day), row=Quota)


def test_a_row_that_is_remembered_is_the_value_that_it_was(database: Database) -> None:
    """It is known by all that it has: what is made of it is the same, and need not be made again."""
    query = select(quota_day.c.day, quota_day.c.requested).order_by(quota_day.c.day.desc())
    usual, remembering, forgetting = (Prepared(query, row=Quota, remembered=most) for most in (0, 3, 2))
    with database.looked_into() as connection:
        rows = usual.rows(connection)
        first, again = remembering.rows(connection), remembering.rows(connection)
        assert rows == first == again == forgetting.rows(connection) == forgetting.rows(connection)
        assert all(one is other for one, other in zip(first, again, strict=True))
        assert {type(row) for row in first} == {Quota}


def test_a_row_that_has_changed_is_another_one_at_once(database: Database) -> None:
    """The database is asked each time, and what it says counts."""
    remembering = Prepared(select(quota_day.c.day, quota_day.c.requested), row=Quota, remembered=100)
    for requested in (1, 2, 1, 0):
        with database.exclusively() as connection:
            connection.execute(update(quota_day).values(requested=requested))
        with database.looked_into() as connection:
            assert {row.requested for row in remembering.rows(connection)} == {requested}


@pytest.mark.parametrize("many", [0, 1, 2, 3, 60, 600])
def test_some_are_found_however_many_are_asked_for(database: Database, many: int) -> None:
    """A list is filled up to one of a few lengths, and a long one is asked for in parts."""
    query = select(quota_day.c.day).where(quota_day.c.root_account == ACME, quota_day.c.requested < bindparam("below"))
    asked = [TODAY - n for n in range(many)]
    with database.looked_into() as connection:
        rows = list(PreparedForSome(query, quota_day.c.day).rows(connection, asked, below=2))
    assert sorted(row.day for row in rows) == sorted(asked[:2])


def test_what_a_statement_has_already_is_in_its_text(database: Database) -> None:
    """SQLite would plan it anew for each value that might make a partial index fit, which takes longer than to run."""
    of_today = quota_day.c.day == bindparam("day")
    for said in ("it's", "100 % sure", "%s", "", "\\", "?", ":day"):
        query: Any = select(literal(said).label("text"), literal(7).label("number")).where(of_today)
        with database.looked_into() as connection:
            assert Prepared(query).row(connection, day=TODAY) == (said, 7)


@pytest.mark.parametrize("many", [1, 2, 3])
@pytest.mark.parametrize("number", [2 * MOST, (1 << 63) - 1, -2 * MOST, -(1 << 63)])
def test_a_number_that_nothing_comes_near_is_refused(tmp_path: Path, many: int, number: int) -> None:
    """Calculations with it would overflow, for everybody; that its row was sound before changes nothing."""
    newest = Prepared(select(quota_day.c.requested).order_by(quota_day.c.day.desc()).limit(bindparam("limit")))
    with closing(a_database(tmp_path)) as database, database.exclusively() as connection:
        rows = [{"root_account": ACME, "day": TODAY - n, "requested": n} for n in range(3)]
        connection.execute(insert(quota_day), rows)
        assert [row.requested for row in newest.rows(connection, limit=3)] == [0, 1, 2]
        assert newest.row(connection, limit=1) == (0,)
        connection.execute(update(quota_day).where(quota_day.c.day == TODAY).values(requested=number))
        with pytest.raises(DamagedRow, match="requested of the table quota_day that is no plausible number"):
            newest.rows(connection, limit=many)
        with pytest.raises(DamagedRow, match="requested of the table quota_day that is no plausible number"):
            connection.execute(select(quota_day.c.requested)).all()


def test_a_number_of_somebody_else_may_be_any(tmp_path: Path) -> None:
    """A storage counts nanoseconds, and from when it likes."""
    states = Prepared(select(read_object.c.modified_ns))
    with closing(a_database(tmp_path)) as database, database.exclusively() as connection:
        row = {"object_key": "sealed/x", "size_bytes": 5, "read_at": NOON}
        connection.execute(insert(read_object), [row | {"modified_ns": (1 << 63) - 1}])
        assert [states.row(connection) for _ in range(2)] == [((1 << 63) - 1,)] * 2


def test_a_statement_that_fails_raises_as_any_other(database: Database) -> None:
    """Nothing but the error decides whether it becomes a 503 or a bug."""
    missing = Table("no_such_table", MetaData(), Column("at", Moment))
    with database.looked_into() as connection, pytest.raises(DBAPIError) as raised:
        Prepared(select(missing).where(missing.c.at > bindparam("at"))).rows(connection, at=NOON - timedelta(days=1))
    assert raised.value.orig is not None
    assert "parameters hidden" in str(raised.value) or "parameters" not in str(raised.value)


def test_postgresql_reads_a_statement_once_for_each_session() -> None:
    """To read and plan it each time is much of what it costs; what fails meanwhile does no harm."""
    prepared = Prepared(select(quota_day.c.requested).where(quota_day.c.root_account == bindparam("root")))
    told = text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%quota_day%root_account%'")
    with closing(a_postgres_database()) as database:
        for _ in range(3):
            with database.snapshot() as tx:
                assert prepared.rows(tx._connection, root=ACME) == []
                assert tx._connection.execute(told).scalar_one() == 1
            with pytest.raises(DBAPIError), database.looked_into() as connection:
                connection.execute(text("SELECT 1 / 0"))
