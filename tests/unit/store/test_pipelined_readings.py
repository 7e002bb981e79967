"""Readings that an event loop does itself on PostgreSQL: they see what others see, or go to a thread."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from sqlalchemy import bindparam, func, select, update

from dayfile.errors import NotFound
from dayfile.store import pipelined_readings
from dayfile.store.database import Database
from dayfile.store.pipelined_readings import LEAST_CONNECTIONS, MOST_STATEMENTS
from dayfile.store.prepared import Prepared
from dayfile.store.tables.accounts import account
from tests.support.loop_readings import (
    is_there,
    quotient,
    run_connected,
    sid_of,
    until_connected,
    until_sent_to_a_thread,
)
from tests.support.postgres import a_postgres_database, a_postgres_url
from tests.support.state import an_account

_PID = Prepared(select(func.pg_backend_pid().label("pid")))
_SERVE = Prepared(
    update(account)
    .where(account.c.sid == bindparam("whose"))
    .values(served=bindparam("turn"))
    .returning(account.c.served)
)


@pytest.fixture
def database() -> Iterator[Database]:
    """A new database on PostgreSQL, closed at the end."""
    database = a_postgres_database()
    yield database
    database.close()


def test_each_sees_what_was_committed_before_it(database: Database) -> None:
    """A client that was told of a change finds it, though the connection is older."""

    async def ask() -> None:
        for number in range(3):
            assert await database.read_in_loop(is_there(database, f"a{number}")) is False
            an_account(database, f"a{number}")
            assert await database.read_in_loop(is_there(database, f"a{number}")) is True

    run_connected(database, ask)


def test_many_at_once_get_the_rows_that_each_asked_for(database: Database) -> None:
    """Their answers come one after the other, on one connection."""
    for number in range(0, 100, 2):
        an_account(database, f"a{number}")

    async def ask() -> list[bool | None]:
        return await asyncio.gather(*(database.read_in_loop(is_there(database, f"a{number}")) for number in range(100)))

    assert run_connected(database, ask) == [number % 2 == 0 for number in range(100)]


def test_statements_of_one_snapshot_see_one_moment(database: Database) -> None:
    """A commit between two of them was there for both, or they are a matter for a thread."""
    an_account(database, "acme")

    def names_after(between: Callable[[], object], *, asked: str) -> list[bool]:
        with database.snapshot() as tx:
            found = [tx.logins.find(sid_of(asked)) is not None]
            between()
            found += [tx.logins.find(sid_of(asked)) is not None for _ in range(MOST_STATEMENTS - 1)]
            return found

    async def ask() -> None:
        nothing = partial(names_after, lambda: None, asked="acme")
        assert await database.read_in_loop(nothing) == [True] * MOST_STATEMENTS
        other = partial(names_after, lambda: an_account(database, "other"), asked="acme")
        assert await database.read_in_loop(other) == [True] * MOST_STATEMENTS
        late = partial(names_after, lambda: an_account(database, "late"), asked="late")
        assert await database.read_in_loop(late) is None
        assert await asyncio.to_thread(names_after, lambda: None, asked="late") == [True] * MOST_STATEMENTS

    run_connected(database, ask)


def test_a_second_statement_sees_what_was_committed_before_it_was_asked_for(database: Database) -> None:
    """Both agree on the later moment, as long as nothing has changed of what the first one saw."""

    def read() -> list[bool]:
        with database.snapshot() as tx:
            found = [tx.logins.find(sid_of("a")) is not None]
            an_account(database, "b")
            return [*found, tx.logins.find(sid_of("b")) is not None]

    async def ask() -> None:
        assert await database.read_in_loop(read) == [False, True]

    run_connected(database, ask)


def test_many_statements_of_one_snapshot_are_for_a_thread(database: Database) -> None:
    """With each of them, all before it are asked for again; several snapshots are none of that."""

    def many_in_one() -> bool:
        with database.snapshot() as tx:
            return all(tx.logins.find(sid_of("a")) is None for _ in range(MOST_STATEMENTS + 1))

    def many() -> list[bool]:
        return [is_there(database, "a")() for _ in range(MOST_STATEMENTS + 1)]

    async def ask() -> None:
        assert await database.read_in_loop(many_in_one) is None
        assert await database.read_in_loop(many) == [False] * (MOST_STATEMENTS + 1)

    run_connected(database, ask)


def test_a_statement_that_is_not_prepared_is_for_a_thread(database: Database) -> None:
    """SQLAlchemy waits for its answer, and the loop with it."""

    def count() -> int:
        with database.snapshot() as tx:
            return tx.accounts.count()

    async def ask() -> None:
        assert await database.read_in_loop(count) is None

    run_connected(database, ask)
    assert count() == 0


def test_one_that_fails_spoils_no_other(database: Database) -> None:
    """Errors are told by a thread; those that were asked for in the same turn are answered, in one way or the other."""
    an_account(database, "acme")

    async def ask() -> None:
        wrong = database.read_in_loop(quotient(database, 0))
        found = await asyncio.gather(
            *(database.read_in_loop(quotient(database, by)) for by in (1, 2)),
            wrong,
            *(database.read_in_loop(quotient(database, by)) for by in (4, 5)),
            return_exceptions=True,
        )
        assert found[:2] == [1000, 500]
        assert all(one in {None, 250, 200} for one in found[2:])
        assert found[2] is None
        assert await database.read_in_loop(quotient(database, 8)) == 125
        assert await database.read_in_loop(is_there(database, "acme")) is True

    run_connected(database, ask)


def test_nobody_writes_in_one(database: Database) -> None:
    """As in every snapshot."""
    acme = an_account(database, "acme").sid

    def serve() -> list[Any]:
        with database.snapshot() as tx:
            return _SERVE.rows(tx._connection, whose=acme, turn=7)

    async def ask() -> None:
        assert await database.read_in_loop(serve) is None

    run_connected(database, ask)
    with database.snapshot() as tx:
        assert tx._connection.execute(select(account.c.served)).scalar_one() != 7


def test_what_a_reading_raises_is_raised(database: Database) -> None:
    """Before its statement, and after it."""

    def fail_after(*, statements: int) -> None:
        for _ in range(statements):
            is_there(database, "acme")()
        raise NotFound(f"after {statements}")

    async def ask() -> None:
        for statements in range(3):
            with pytest.raises(NotFound, match=f"after {statements}"):
                await database.read_in_loop(lambda statements=statements: fail_after(statements=statements))  # type: ignore[misc]

    run_connected(database, ask)


class _Large:
    """An answer, as it were."""


def test_nothing_is_kept_of_one_that_has_ended(database: Database) -> None:
    """An answer may be large, and an error holds all that there was when it was raised."""

    def read(*, fails: bool) -> _Large:
        is_there(database, "acme")()
        large = _Large()
        seen.append(weakref.ref(large))
        if fails:
            raise NotFound("with all that there was")
        return large

    seen: list[weakref.ref[_Large]] = []

    async def ask() -> None:
        await database.read_in_loop(lambda: read(fails=False))
        with suppress(NotFound):
            await database.read_in_loop(lambda: read(fails=True))
        gc.collect()
        assert [one() for one in seen] == [None, None]

    run_connected(database, ask)


def test_one_that_is_cancelled_ends_and_holds_up_no_other(database: Database) -> None:
    """A client may go away while the database works for it."""
    ended = []

    def read() -> None:
        try:
            is_there(database, "acme")()
        finally:
            ended.append("cancelled")

    async def ask() -> None:
        task = asyncio.create_task(database.read_in_loop(read))
        await asyncio.sleep(0)  # it has asked
        other = asyncio.create_task(database.read_in_loop(is_there(database, "acme")))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended == ["cancelled"]
        assert await other is False

    run_connected(database, ask)


def test_a_connection_that_is_lost_is_made_anew(database: Database) -> None:
    """Until then readings are for threads, whether they have asked already or come after."""
    an_account(database, "acme")

    async def ask() -> None:
        await asyncio.to_thread(_end_other_sessions, database)
        await until_sent_to_a_thread(database)
        await until_connected(database)
        assert await database.read_in_loop(is_there(database, "acme")) is True

    run_connected(database, ask)


def _end_other_sessions(database: Database) -> None:
    with database.transaction() as tx:
        tx._connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname = current_database()"
        ).all()


def test_a_connection_is_renewed_without_a_reading_that_fails(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would go on with plans of tables that were empty once; the former one answers what it was asked."""
    monkeypatch.setattr(pipelined_readings, "RENEWED_AFTER_SECONDS", 0.0)

    def pid() -> int:
        with database.snapshot() as tx:
            return int(_PID.rows(tx._connection)[0].pid)

    async def ask() -> None:
        seen: set[int | None] = set()
        while len(seen) < 4:
            seen.update(await asyncio.gather(*(database.read_in_loop(pid) for _ in range(5))))

    run_connected(database, ask)


def test_a_connection_is_given_up_with_all_others(database: Database) -> None:
    """Once a server turns out to be a former primary, what it would still answer is the past."""
    an_account(database, "acme")

    async def ask() -> None:
        database.engine.dispose()
        assert await database.read_in_loop(is_there(database, "acme")) is None
        await until_connected(database)
        assert await database.read_in_loop(is_there(database, "acme")) is True

    run_connected(database, ask)


def test_each_event_loop_has_a_connection_of_its_own(database: Database) -> None:
    """Answers are read by the loop that waits for them, and a loop that has ended reads no more."""
    for _ in range(2):
        assert run_connected(database, lambda: database.read_in_loop(is_there(database, "acme"))) is False


def test_few_connections_are_left_to_threads() -> None:
    """Threads need two: one that writes, and another that reads meanwhile."""
    url = a_postgres_url()
    for connections in range(1, LEAST_CONNECTIONS + 1):
        database = Database.connect(url, connections=connections)
        assert database.is_asked_by_loops == (connections >= LEAST_CONNECTIONS)
        database.close()


class _Due:
    """A keeper of time that asks for it once."""

    def __init__(self) -> None:
        self.told: datetime | None = None

    def is_due(self) -> bool:
        return self.told is None

    def sample(self, ask: Callable[[], datetime]) -> None:
        self.told = ask()


def test_a_reading_is_for_a_thread_when_the_databases_time_is_to_be_asked_for(database: Database) -> None:
    """A server that only answers readings would never ask for it."""
    keeper = _Due()

    async def ask() -> None:
        database.keep_time(keeper)
        assert await database.read_in_loop(is_there(database, "acme")) is None
        await asyncio.to_thread(is_there(database, "acme"))
        assert keeper.told is not None
        assert await database.read_in_loop(is_there(database, "acme")) is False

    run_connected(database, ask)


def test_a_database_that_is_closed_while_the_loop_runs_closes_the_connection(database: Database) -> None:
    """A reading that waits is sent to a thread, and is told there."""

    async def ask() -> None:
        closing = threading.Thread(target=database.close)
        closing.start()
        await asyncio.to_thread(closing.join)
        await until_sent_to_a_thread(database)

    run_connected(database, ask)
