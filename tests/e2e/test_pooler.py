"""PostgreSQL behind a pooler that gives each transaction another session: nothing relies on having had the last one."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from dayfile.model.account import AccountSid
from dayfile.store.database import Database
from dayfile.store.opening import make_database
from dayfile.store.postgres_pipeline import PostgresPipeline
from tests.e2e.test_whole_life import test_what_is_accepted_is_sealed_published_told_and_forgotten as whole_life
from tests.support.deployment import Place
from tests.support.pgbouncer import SESSIONS, pgbouncer_before
from tests.support.postgres_server import PostgresServer
from tests.support.state import a_sid


@pytest.fixture(scope="module")
def pooled() -> Iterator[tuple[str, PostgresServer]]:
    """The URL of an empty database by the pooler, and its server."""
    server = PostgresServer(Path(tempfile.mkdtemp(prefix="dayfile-")))
    with pgbouncer_before(server, server.a_database()) as url:
        yield url, server
    server.stop()


def test_the_whole_life_of_records_passes_through_it(
    pooled: tuple[str, PostgresServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything works, from the first start with its migrations to the day when everything is forgotten.

    One connection is enough: work that needed two at once would wait for itself when all are taken.
    """
    monkeypatch.setenv("DAYFILE_DATABASE_CONNECTIONS", "1")
    whole_life(tmp_path, Place(database=pooled[0], storage=None))


def test_nothing_of_a_transaction_is_left_to_the_next_client(pooled: tuple[str, PostgresServer]) -> None:
    """A prepared statement, or a limit, of one client would meet another one in the same session."""
    url, _ = pooled
    make_database(url).close()
    everybody = threading.Barrier(2 * SESSIONS)
    failures: list[Exception] = []

    def ask() -> None:
        try:
            with closing(Database.connect(url, connections=1)) as database:
                everybody.wait(timeout=20)
                for _ in range(12):  # psycopg prepares what it is asked more than five times
                    with database.transaction() as tx:
                        tx.accounts.count()
                        tx.accounts.find(
                            AccountSid(a_sid("AC", "acme"))
                        )  # of those that are prepared where nobody is between
                    with database.snapshot() as tx:
                        assert tx._connection.execute(text("SELECT count(*) FROM pg_prepared_statements")).scalar() == 0
                        assert tx._connection.execute(text("SHOW lock_timeout")).scalar() == "0"
        except Exception as error:  # noqa: BLE001 - it is looked at below
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(2 * SESSIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_readings_have_no_pipeline_behind_it(pooled: tuple[str, PostgresServer]) -> None:
    """It would keep statements, and a setting, in a session that others get, and who writes would be told not to."""
    url, _ = pooled
    make_database(url).close()
    with closing(Database.connect(url)) as database:
        for number in range(2 * SESSIONS):
            assert PostgresPipeline.connect(database.engine) is None
            database.run(lambda tx, number=number: tx.instance.settle(f"name {number}", "value"))  # type: ignore[misc]
