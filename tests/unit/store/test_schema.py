"""The schema: made by migrations, the same as the tables say, and never by an older version."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from importlib import import_module
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from dayfile.errors import DatabaseUnavailable, Unusable
from dayfile.model.credential import Actor
from dayfile.model.notice import Channel, Result
from dayfile.store import schema
from dayfile.store.database import Database
from dayfile.store.opening import make_database
from dayfile.store.tables.metadata import metadata
from tests.support.clock import NOON
from tests.support.lanes import claimed, concluded
from tests.support.notices import a_notice, an_outcome, told
from tests.support.state import a_database, an_account

MIGRATION = import_module("dayfile.store.migrations.versions.0012_unsent_letters_and_workers")


def test_migrations_end_in_the_tables_as_they_are_written(database: Database) -> None:
    """Else a new installation and an upgraded one would differ."""
    with database.exclusively() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_schema_is_up_to_date_where_alembic_would_stop(database: Database) -> None:
    """Alembic is not asked when nothing is to be done, so both must mean the same by it."""
    with database.exclusively() as connection:
        stopped_at = MigrationContext.configure(connection).get_current_revision()
        assert schema.version(connection) == schema.newest() == stopped_at


def _version_after_start(folder: Path) -> str | None:
    """Start as a process does, with its own connection; the version that it works with."""
    url = f"sqlite:///{folder / 'dayfile.sqlite'}"
    with closing(make_database(url)) as database, database.exclusively() as connection:
        return schema.version(connection)


def test_an_empty_database_has_no_version(tmp_path: Path) -> None:
    """It is made, not upgraded."""
    database = Database.connect(f"sqlite:///{tmp_path / 'dayfile.sqlite'}")
    with database.exclusively() as connection:
        assert schema.version(connection) is None
    database.close()


def test_many_processes_may_start_at_once(tmp_path: Path) -> None:
    """`serve --processes` does: one migrates, the others wait for it and find it done."""
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(_version_after_start, [tmp_path] * 8)) == [schema.newest()] * 8
    database = Database.connect(f"sqlite:///{tmp_path / 'dayfile.sqlite'}")
    with database.exclusively() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()


def test_a_newer_database_is_refused_untouched(database: Database) -> None:
    """An older version could only harm it; the message says what to do."""
    with database.exclusively() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Unusable, match="newer version"):
        schema.migrate(database)


def test_letters_that_were_called_delivered_are_unsent(database: Database) -> None:
    """A mail server answers with a status; where there was none, the letter lies in the folder since then."""
    account = an_account(database).sid
    receivers = {"sent": Channel.MAIL, "kept": Channel.MAIL, "hook": Channel.WEBHOOK}
    for name, channel in receivers.items():
        told(database, a_notice(account, name, receiver=f"{name}@{name}.example.com", channel=channel))
        turn = claimed(database, account)
        assert turn is not None
        concluded(database, turn, an_outcome(status=250 if name == "sent" else None))
    with database.exclusively() as connection:
        MIGRATION.tell_unsent(connection)
    with database.snapshot() as tx:
        found = {notice.content.friendly_name: notice for notice in tx.notices.page(limit=9)}
        outcomes = {name: tx.notices.attempts(notice.sid)[0].result for name, notice in found.items()}
    assert {name: notice.state.value for name, notice in found.items()} == {
        "sent": "delivered",
        "kept": "unsent",
        "hook": "delivered",
    }
    assert outcomes == {"sent": Result.DELIVERED, "kept": Result.UNSENT, "hook": Result.DELIVERED}


def test_a_commit_is_whole_or_nothing(database: Database) -> None:
    """A transaction that fails leaves nothing behind."""

    def fail_halfway() -> None:
        with database.transaction() as tx:
            tx.audit.add(actor=Actor(name="operator"), action="a", subject="b", now=NOON)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    with database.exclusively() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM audit").scalar_one() == 0


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The operator reads the message, not a stack trace."""
    database = Database.connect(f"sqlite:///{tmp_path / 'missing' / 'dayfile.sqlite'}")
    with pytest.raises(DatabaseUnavailable, match="unable to open"), database.snapshot() as tx:
        tx.accounts.count()


def test_a_database_in_memory_is_refused() -> None:
    """Every acknowledged record would be gone with the process."""
    with pytest.raises(Unusable, match="memory"):
        Database.connect("sqlite://")


def test_sqlite_is_set_up_to_keep_its_word(tmp_path: Path) -> None:
    """Full synchronisation, a write-ahead log, space given back, erased rows overwritten, no checkpoint of its own."""
    database = a_database(tmp_path)
    an_account(database)
    raw = database.engine.raw_connection()
    cursor = raw.cursor()

    def pragma(name: str) -> object:
        return cursor.execute(f"PRAGMA {name}").fetchone()[0]

    assert pragma("journal_mode") == "wal"
    assert pragma("synchronous") == 2
    assert pragma("auto_vacuum") == 2
    assert pragma("secure_delete") == 1
    assert pragma("foreign_keys") == 1
    assert pragma("wal_autocheckpoint") == 0
    cursor.close()
    raw.close()
    database.close()
