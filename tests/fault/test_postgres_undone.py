"""Transactions that PostgreSQL undoes are run again, as far as that is certainly right; a lost commit is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from sqlalchemy import text

from dayfile.errors import DatabaseUnavailable, Undone
from dayfile.model.credential import Actor
from dayfile.store import database as module
from dayfile.store.database import Database
from dayfile.store.transaction import Transaction
from tests.support.clock import NOON
from tests.support.postgres import a_postgres_database
from tests.support.recorded_log import recorded_log


@pytest.fixture
def database() -> Iterator[Database]:
    """A database of a real server."""
    with closing(a_postgres_database()) as database:
        yield database


def _note(tx: Transaction, action: str) -> None:
    tx.audit.add(actor=Actor(name="operator"), action=action, subject="it", now=NOON)


def _noted(database: Database) -> list[str]:
    with database.snapshot() as tx:
        return [line.deed.action for line in tx.audit.newest(limit=10)]


def _break(database: Database, tx: Transaction) -> None:
    """End the session of a transaction, as a restart, a failover or a pooler does."""
    pid = tx._connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with database.engine.connect() as other:
        other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})


def test_of_two_that_wait_for_each_other_the_one_that_is_undone_runs_again(database: Database) -> None:
    """A deadlock is nobody's mistake, and must not be a client's trouble."""
    with database.transaction() as tx:
        for name in ("a", "b"):
            tx.instance.settle(name, "0")
    both = threading.Barrier(2)

    def change(first: str, second: str) -> Callable[[Transaction], None]:
        met: list[bool] = []

        def decide(tx: Transaction) -> None:
            for name in (first, second):
                statement = text("UPDATE instance SET value = value || '1' WHERE name = :name")
                tx._connection.execute(statement, {"name": name})
                if not met:
                    met.append(True)
                    both.wait(timeout=20)

        return decide

    threads = [threading.Thread(target=database.run, args=[change(*names)]) for names in (("a", "b"), ("b", "a"))]
    with recorded_log() as log:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert "for the sake of another transaction" in log.next("database.again")["reason"]
    with database.snapshot() as tx:
        assert [tx.instance.find(name) for name in ("a", "b")] == ["011", "011"]


def test_what_was_cut_off_before_its_commit_runs_again(database: Database) -> None:
    """Nothing of it can have happened."""
    tries: list[int] = []

    def decide(tx: Transaction) -> None:
        tries.append(1)
        _note(tx, "noted")
        if len(tries) == 1:
            _break(database, tx)
            _note(tx, "never")

    database.run(decide)
    assert (len(tries), _noted(database)) == (2, ["noted"])


def test_what_is_undone_again_and_again_is_told(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tries have an end, and its error tells the caller that nothing was done."""
    monkeypatch.setattr(module, "PAUSES", (0.0, 0.0))
    tries: list[int] = []

    def decide(tx: Transaction) -> None:
        tries.append(1)
        _break(database, tx)
        _note(tx, "never")

    with pytest.raises(Undone, match="nothing was committed"):
        database.run(decide)
    assert (len(tries), _noted(database)) == (3, [])


def test_a_commit_whose_answer_is_lost_is_not_run_again(database: Database) -> None:
    """It may have happened: only the caller knows whether the same once more does harm."""
    tries: list[int] = []

    def decide(tx: Transaction) -> None:
        tries.append(1)
        _note(tx, "noted")
        _break(database, tx)

    with pytest.raises(DatabaseUnavailable) as told:
        database.run(decide)
    assert (type(told.value), len(tries)) == (DatabaseUnavailable, 1)


def test_a_host_that_is_frozen_in_a_transaction_is_cut_off(database: Database) -> None:
    """Its locks would be held, and others wait, until somebody finds it."""
    with database.transaction() as tx:
        limits = [
            tx._connection.execute(text(f"SHOW {name}")).scalar_one()
            for name in ("idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout")
        ]
    assert limits == ["1min", "30s", "5min"]
    with database.engine.connect() as connection:  # of the same session: nothing of it has stayed
        assert connection.execute(text("SHOW lock_timeout")).scalar_one() == "0"
