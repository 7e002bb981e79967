"""Snapshots that a thread shares among requests: each is of its own moment, though the thread keeps its connection."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dayfile.errors import DamagedRow, NotFound
from dayfile.model.account import AccountSid
from dayfile.store.database import Database
from tests.support.state import a_database, a_sid, an_account


def _accounts(database: Database) -> list[int]:
    """Return the numbers of accounts that two snapshots within a shared one see."""
    found = []
    with database.shared_snapshot():
        for _ in range(2):
            with database.snapshot() as tx:
                found.append(len(tx.accounts.listed(after=None, limit=100)))
    return found


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    """The thread that reads, the same for all readings of a test."""
    with ThreadPoolExecutor(1) as thread:
        yield thread


def test_each_sees_all_that_was_committed_before_it_began(database: Database, thread: ThreadPoolExecutor) -> None:
    """A transaction that stayed open on the connection would show the past for ever."""
    for number in range(3):
        assert thread.submit(_accounts, database).result() == [number, number]
        an_account(database, f"a{number}")


def test_an_error_in_one_is_none_of_the_next(database: Database, thread: ThreadPoolExecutor) -> None:
    """Nobody else meets a connection, broken or not."""

    def fail() -> None:
        with database.shared_snapshot(), database.snapshot() as tx:
            tx.accounts.get(AccountSid(a_sid("AC", "nobody")))

    for number in range(3):
        with pytest.raises(NotFound):
            thread.submit(fail).result()
        assert thread.submit(_accounts, database).result() == [number, number]
        an_account(database, f"a{number}")


def test_one_that_nobody_reads_in_takes_no_connection(database: Database) -> None:
    """An answer whose caller is remembered may need nothing of the database."""
    pool: Any = database.engine.pool
    with database.shared_snapshot():
        before = pool.checkedout()
        with database.snapshot() as tx:
            tx.accounts.count()
        assert pool.checkedout() == before + 1


def test_closing_the_database_closes_what_threads_keep(tmp_path: Path, thread: ThreadPoolExecutor) -> None:
    """A file that is still open could not be moved away on some systems, and its log would stay beside it."""
    database = a_database(tmp_path)
    thread.submit(_accounts, database).result()
    database.close()
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith("-wal")] == []


def test_a_row_that_cannot_be_read_is_named_as_in_a_snapshot_of_its_own(
    tmp_path: Path, thread: ThreadPoolExecutor
) -> None:
    """It is one row: the database as a whole stays in use."""
    database = a_database(tmp_path)
    sid = an_account(database, "a").sid
    with database.exclusively() as connection:
        connection.exec_driver_sql("UPDATE account SET friendly_name = CAST(x'ff' AS TEXT)")

    def read() -> None:
        with database.shared_snapshot():
            for _ in range(2):  # for one request and the next
                with pytest.raises(DamagedRow), database.snapshot() as tx:
                    tx.accounts.get(sid)

    thread.submit(read).result()
    database.probe()
    database.close()


def test_what_sqlalchemy_runs_itself_is_part_of_the_same_moment(tmp_path: Path, thread: ThreadPoolExecutor) -> None:
    """Some statements are prepared and some are not."""
    database = a_database(tmp_path)

    def read(number: int) -> list[int]:
        found = []
        with database.shared_snapshot(), database.snapshot() as tx:
            found.append(len(tx.accounts.listed(after=None, limit=100)))
            an_account(database, f"a{number}")
            found.append(tx.accounts.count())
            found.append(len(tx.accounts.listed(after=None, limit=100)))
        return found

    seen = [thread.submit(read, number).result() for number in range(3)]
    assert seen == [[number] * 3 for number in range(3)]
    database.close()
