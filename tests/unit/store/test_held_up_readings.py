"""Readings that an event loop does itself on PostgreSQL, if one of them takes long, or all come at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager

import pytest
from sqlalchemy import Float, bindparam, func, select

from dayfile.store.database import Database
from dayfile.store.postgres_pipeline import MOST_EXPECTED
from dayfile.store.prepared import Prepared
from tests.support.loop_readings import is_there, quotient, run_connected, until_connected
from tests.support.postgres import a_postgres_database
from tests.support.state import an_account

_SLEEP = Prepared(select(func.pg_sleep(bindparam("seconds", type_=Float)).label("slept")))


@pytest.fixture
def database() -> Iterator[Database]:
    """A new database on PostgreSQL, closed at the end."""
    database = a_postgres_database()
    yield database
    database.close()


def test_one_that_waits_holds_up_no_other(database: Database) -> None:
    """A migration locks a table for as long as it takes; what does not need the table is answered by a thread."""
    an_account(database, "acme")

    async def ask() -> None:
        async with _locked(database):
            waiting = [asyncio.create_task(database.read_in_loop(is_there(database, "acme"))) for _ in range(3)]
            other = database.read_in_loop(quotient(database, 8))
            assert await asyncio.gather(*waiting, other) == [None, None, None, None]
            assert await database.read_in_loop(quotient(database, 8)) is None
            assert await asyncio.to_thread(quotient(database, 8)) == 125
        while await database.read_in_loop(quotient(database, 8)) is None:
            await asyncio.to_thread(quotient(database, 8))
        assert await database.read_in_loop(is_there(database, "acme")) is True

    run_connected(database, ask)


@asynccontextmanager
async def _locked(database: Database) -> AsyncIterator[None]:
    """Have a table locked, as a migration does."""
    with ExitStack() as stack:
        connection = await asyncio.to_thread(stack.enter_context, database.exclusively())
        await asyncio.to_thread(connection.exec_driver_sql, "LOCK TABLE account IN ACCESS EXCLUSIVE MODE")
        yield


def test_one_that_takes_long_is_given_up(database: Database) -> None:
    """Others that were asked for behind it would wait as long, although threads have done them meanwhile."""

    async def ask() -> None:
        assert await database.read_in_loop(_slept(database, 3600)) is None
        await until_connected(database)
        assert await database.read_in_loop(quotient(database, 8)) == 125

    run_connected(database, ask)


def _slept(database: Database, seconds: float) -> Callable[[], bool]:
    def read() -> bool:
        with database.snapshot() as tx:
            return bool(_SLEEP.rows(tx._connection, seconds=seconds))

    return read


def test_thousands_at_once_are_answered_in_one_way_or_the_other(database: Database) -> None:
    """Readings that wait for rows take memory, each a stack of its own; the rest goes to a thread, and waits there."""
    an_account(database, "acme")

    async def ask() -> None:
        found = await asyncio.gather(*(database.read_in_loop(is_there(database, "acme")) for _ in range(3000)))
        assert set(found) == {True, None}
        assert found.count(True) <= MOST_EXPECTED
        assert await database.read_in_loop(is_there(database, "acme")) is True

    run_connected(database, ask)
