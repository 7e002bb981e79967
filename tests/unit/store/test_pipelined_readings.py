"""Readings that an event loop does itself on PostgreSQL: they see what others see, or go to a thread."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import pytest
from sqlalchemy import Float, Integer, bindparam, func, literal_column, select, update

from dayfile.errors import NotFound
from dayfile.model.account import AccountSid
from dayfile.store import pipelined_readings
from dayfile.store.database import Database
from dayfile.store.pipelined_readings import LEAST_CONNECTIONS, MOST_STATEMENTS
from dayfile.store.postgres_pipeline import MOST_EXPECTED
from dayfile.store.prepared import Prepared
from dayfile.store.tables.accounts import account
from tests.support.postgres import a_postgres_database, a_postgres_url
from tests.support.state import a_sid, an_account

T = TypeVar("T")

_QUOTIENT = Prepared(select((literal_column("1000", Integer) // bindparam("by", type_=Integer)).label("quotient")))
_SLEEP = Prepared(select(func.pg_sleep(bindparam("seconds", type_=Float)).label("slept")))
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


def _sid(name: str) -> AccountSid:
    return AccountSid(a_sid("AC", name))


def _is_there(database: Database, name: str) -> Callable[[], bool]:
    """Return a reading of one statement."""

    def read() -> bool:
        with database.snapshot() as tx:
            return tx.logins.find(_sid(name)) is not None

    return read


def _quotient(database: Database, by: int) -> Callable[[], float]:
    def read() -> float:
        with database.snapshot() as tx:
            return float(_QUOTIENT.rows(tx._connection, by=by)[0].quotient)

    return read


async def _connected(database: Database) -> None:
    """Return once there is a connection for readings, which a thread makes."""
    while await database.read_in_loop(_is_there(database, "nobody")) is None:
        await asyncio.to_thread(_is_there(database, "nobody"))


async def _sent_to_a_thread(database: Database) -> None:
    """Return once readings are sent to a thread: the news of a connection may take its time."""
    while await database.read_in_loop(_is_there(database, "nobody")) is not None:
        pass


def _run(database: Database, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
    async def main() -> T:
        await _connected(database)
        return await ask()

    return asyncio.run(main())


def test_each_sees_what_was_committed_before_it(database: Database) -> None:
    """A client that was told of a change finds it, though the connection is older."""

    async def ask() -> None:
        for number in range(3):
            assert await database.read_in_loop(_is_there(database, f"a{number}")) is False
            an_account(database, f"a{number}")
            assert await database.read_in_loop(_is_there(database, f"a{number}")) is True

    _run(database, ask)


def test_many_at_once_get_the_rows_that_each_asked_for(database: Database) -> None:
    """Their answers come one after the other, on one connection."""
    for number in range(0, 100, 2):
        an_account(database, f"a{number}")

    async def ask() -> list[bool | None]:
        return await asyncio.gather(
            *(database.read_in_loop(_is_there(database, f"a{number}")) for number in range(100))
        )

    assert _run(database, ask) == [number % 2 == 0 for number in range(100)]


def test_statements_of_one_snapshot_see_one_moment(database: Database) -> None:
    """What is committed between two of them was there for both, or is a matter for a thread; others are not held up."""
    an_account(database, "acme")

    def names_after(between: Callable[[], object], *, asked: str) -> list[bool]:
        with database.snapshot() as tx:
            found = [tx.logins.find(_sid(asked)) is not None]
            between()
            found += [tx.logins.find(_sid(asked)) is not None for _ in range(MOST_STATEMENTS - 1)]
            return found

    async def ask() -> None:
        nothing = partial(names_after, lambda: None, asked="acme")
        assert await database.read_in_loop(nothing) == [True] * MOST_STATEMENTS
        other = partial(names_after, lambda: an_account(database, "other"), asked="acme")
        assert await database.read_in_loop(other) == [True] * MOST_STATEMENTS
        late = partial(names_after, lambda: an_account(database, "late"), asked="late")
        assert await database.read_in_loop(late) is None
        assert await asyncio.to_thread(names_after, lambda: None, asked="late") == [True] * MOST_STATEMENTS

    _run(database, ask)


def test_a_second_statement_sees_what_was_committed_before_it_was_asked_for(database: Database) -> None:
    """If nothing has changed of what the first one saw, they agree on the later moment."""

    def read() -> list[bool]:
        with database.snapshot() as tx:
            found = [tx.logins.find(_sid("a")) is not None]
            an_account(database, "b")
            return [*found, tx.logins.find(_sid("b")) is not None]

    async def ask() -> None:
        assert await database.read_in_loop(read) == [False, True]

    _run(database, ask)


def test_many_statements_of_one_snapshot_are_for_a_thread(database: Database) -> None:
    """With each of them, all before it are asked for again; several snapshots are none of that."""

    def many_in_one() -> bool:
        with database.snapshot() as tx:
            return all(tx.logins.find(_sid("a")) is None for _ in range(MOST_STATEMENTS + 1))

    def many() -> list[bool]:
        return [_is_there(database, "a")() for _ in range(MOST_STATEMENTS + 1)]

    async def ask() -> None:
        assert await database.read_in_loop(many_in_one) is None
        assert await database.read_in_loop(many) == [False] * (MOST_STATEMENTS + 1)

    _run(database, ask)


def test_a_statement_that_is_not_prepared_is_for_a_thread(database: Database) -> None:
    """SQLAlchemy waits for its answer, and the loop with it."""

    def count() -> int:
        with database.snapshot() as tx:
            return tx.accounts.count()

    async def ask() -> None:
        assert await database.read_in_loop(count) is None

    _run(database, ask)
    assert count() == 0


def test_one_that_fails_spoils_no_other(database: Database) -> None:
    """Errors are told by a thread; those that were asked for in the same turn are answered, in one way or the other."""
    an_account(database, "acme")

    async def ask() -> None:
        wrong = database.read_in_loop(_quotient(database, 0))
        found = await asyncio.gather(
            *(database.read_in_loop(_quotient(database, by)) for by in (1, 2)),
            wrong,
            *(database.read_in_loop(_quotient(database, by)) for by in (4, 5)),
            return_exceptions=True,
        )
        assert found[:2] == [1000, 500]
        assert all(one in {None, 250, 200} for one in found[2:])
        assert found[2] is None
        assert await database.read_in_loop(_quotient(database, 8)) == 125
        assert await database.read_in_loop(_is_there(database, "acme")) is True

    _run(database, ask)


def test_one_that_waits_holds_up_no_other(database: Database) -> None:
    """A migration locks a table for as long as it takes; what does not need the table is answered by a thread."""
    an_account(database, "acme")

    async def ask() -> None:
        async with _locked(database):
            waiting = [asyncio.create_task(database.read_in_loop(_is_there(database, "acme"))) for _ in range(3)]
            other = database.read_in_loop(_quotient(database, 8))
            assert await asyncio.gather(*waiting, other) == [None, None, None, None]
            assert await database.read_in_loop(_quotient(database, 8)) is None
            assert await asyncio.to_thread(_quotient(database, 8)) == 125
        while await database.read_in_loop(_quotient(database, 8)) is None:
            await asyncio.to_thread(_quotient(database, 8))
        assert await database.read_in_loop(_is_there(database, "acme")) is True

    _run(database, ask)


@asynccontextmanager
async def _locked(database: Database) -> AsyncIterator[None]:
    """Have a table locked, as a migration does."""
    with ExitStack() as stack:
        connection = await asyncio.to_thread(stack.enter_context, database.exclusively())
        await asyncio.to_thread(connection.exec_driver_sql, "LOCK TABLE account IN ACCESS EXCLUSIVE MODE")
        yield


def test_one_that_takes_long_is_given_up(database: Database) -> None:
    """What was asked for behind it would wait as long, although threads have done it meanwhile."""

    async def ask() -> None:
        assert await database.read_in_loop(_slept(database, 3600)) is None
        await _connected(database)
        assert await database.read_in_loop(_quotient(database, 8)) == 125

    _run(database, ask)


def _slept(database: Database, seconds: float) -> Callable[[], bool]:
    def read() -> bool:
        with database.snapshot() as tx:
            return bool(_SLEEP.rows(tx._connection, seconds=seconds))

    return read


def test_thousands_at_once_are_answered_in_one_way_or_the_other(database: Database) -> None:
    """Those that wait for rows take memory, each a stack of its own; the rest goes to a thread, and waits there."""
    an_account(database, "acme")

    async def ask() -> None:
        found = await asyncio.gather(*(database.read_in_loop(_is_there(database, "acme")) for _ in range(3000)))
        assert set(found) == {True, None}
        assert found.count(True) <= MOST_EXPECTED
        assert await database.read_in_loop(_is_there(database, "acme")) is True

    _run(database, ask)


def test_nobody_writes_in_one(database: Database) -> None:
    """As in every snapshot."""
    acme = an_account(database, "acme").sid

    def serve() -> list[Any]:
        with database.snapshot() as tx:
            return _SERVE.rows(tx._connection, whose=acme, turn=7)

    async def ask() -> None:
        assert await database.read_in_loop(serve) is None

    _run(database, ask)
    with database.snapshot() as tx:
        assert tx._connection.execute(select(account.c.served)).scalar_one() != 7


def test_what_a_reading_raises_is_raised(database: Database) -> None:
    """Before its statement, and after it."""

    def fail_after(*, statements: int) -> None:
        for _ in range(statements):
            _is_there(database, "acme")()
        raise NotFound(f"after {statements}")

    async def ask() -> None:
        for statements in range(3):
            with pytest.raises(NotFound, match=f"after {statements}"):
                await database.read_in_loop(lambda statements=statements: fail_after(statements=statements))  # type: ignore[misc]

    _run(database, ask)


class _Large:
    """An answer, as it were."""


def test_nothing_is_kept_of_one_that_has_ended(database: Database) -> None:
    """An answer may be large, and an error holds all that there was when it was raised."""

    def read(*, fails: bool) -> _Large:
        _is_there(database, "acme")()
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

    _run(database, ask)


def test_one_that_is_cancelled_ends_and_holds_up_no_other(database: Database) -> None:
    """A client may go away while the database works for it."""
    ended = []

    def read() -> None:
        try:
            _is_there(database, "acme")()
        finally:
            ended.append("cancelled")

    async def ask() -> None:
        task = asyncio.create_task(database.read_in_loop(read))
        await asyncio.sleep(0)  # it has asked
        other = asyncio.create_task(database.read_in_loop(_is_there(database, "acme")))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended == ["cancelled"]
        assert await other is False

    _run(database, ask)


def test_a_connection_that_is_lost_is_made_anew(database: Database) -> None:
    """Until then readings are for threads, whether they have asked already or come after."""
    an_account(database, "acme")

    async def ask() -> None:
        await asyncio.to_thread(_end_other_sessions, database)
        await _sent_to_a_thread(database)
        await _connected(database)
        assert await database.read_in_loop(_is_there(database, "acme")) is True

    _run(database, ask)


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

    _run(database, ask)


def test_a_connection_is_given_up_with_all_others(database: Database) -> None:
    """Once a server turns out to be a former primary, what it would still answer is the past."""
    an_account(database, "acme")

    async def ask() -> None:
        database.engine.dispose()
        assert await database.read_in_loop(_is_there(database, "acme")) is None
        await _connected(database)
        assert await database.read_in_loop(_is_there(database, "acme")) is True

    _run(database, ask)


def test_each_event_loop_has_a_connection_of_its_own(database: Database) -> None:
    """Answers are read by the loop that waits for them, and a loop that has ended reads no more."""
    for _ in range(2):
        assert _run(database, lambda: database.read_in_loop(_is_there(database, "acme"))) is False


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
        assert await database.read_in_loop(_is_there(database, "acme")) is None
        await asyncio.to_thread(_is_there(database, "acme"))
        assert keeper.told is not None
        assert await database.read_in_loop(_is_there(database, "acme")) is False

    _run(database, ask)


def test_a_database_that_is_closed_while_the_loop_runs_closes_the_connection(database: Database) -> None:
    """A reading that waits is sent to a thread, and is told there."""

    async def ask() -> None:
        closing = threading.Thread(target=database.close)
        closing.start()
        await asyncio.to_thread(closing.join)
        await _sent_to_a_thread(database)

    _run(database, ask)
