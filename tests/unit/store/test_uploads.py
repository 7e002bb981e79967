"""The ledger: between a writer and the sweep, whoever comes second loses."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from dayfile.errors import DamagedRow, LostClaim
from dayfile.store.database import Database
from tests.support.clock import NOON
from tests.support.state import a_database

LATER = NOON + timedelta(hours=7)


def test_a_writer_that_commits_is_never_swept(database: Database) -> None:
    """Live objects carry accepted records."""
    with database.transaction() as tx:
        upload = tx.uploads.begin("segments/a", now=NOON)
        tx.uploads.go_live([upload], now=NOON)
    with database.transaction() as tx:
        assert tx.uploads.condemn_stale(before=LATER, now=LATER) == 0
        assert tx.uploads.due(now=LATER, limit=10) == []


def test_a_writer_that_comes_after_the_sweep_loses(database: Database) -> None:
    """It was frozen between its put and its commit: its object may be deleted already, so it must not count."""
    with database.transaction() as tx:
        upload = tx.uploads.begin("segments/a", now=NOON)
    with database.transaction() as tx:
        assert tx.uploads.condemn_stale(before=NOON + timedelta(hours=6), now=LATER) == 1
    with pytest.raises(LostClaim), database.transaction() as tx:
        tx.uploads.go_live([upload], now=LATER)


def test_a_writer_that_shows_signs_of_life_is_left_alone(database: Database) -> None:
    """A long write is not an abandoned one."""
    with database.transaction() as tx:
        upload = tx.uploads.begin("segments/a", now=NOON)
        tx.uploads.extend(upload, now=LATER)
        assert tx.uploads.condemn_stale(before=NOON + timedelta(hours=6), now=LATER) == 0


def test_garbage_is_looked_at_twice_and_then_forgotten(database: Database) -> None:
    """A frozen writer may put its object after the first deletion."""
    with database.transaction() as tx:
        upload = tx.uploads.begin("segments/a", now=NOON)
        tx.uploads.give_up([upload], now=NOON)
    with database.transaction() as tx:
        assert [due.id for due in tx.uploads.due(now=NOON, limit=10)] == [upload]
        tx.uploads.forget([upload])  # not swept yet: it stays
        tx.uploads.swept([upload], look_again_at=LATER)
        assert tx.uploads.due(now=NOON, limit=10) == []
        assert [due.id for due in tx.uploads.due(now=LATER, limit=10)] == [upload]
        tx.uploads.forget([upload])
        assert tx.uploads.due(now=LATER, limit=10) == []


def test_discarded_objects_rest_before_they_go(database: Database) -> None:
    """A restored older database still refers to them."""
    with database.transaction() as tx:
        upload = tx.uploads.begin("segments/a", now=NOON)
        tx.uploads.go_live([upload], now=NOON)
        tx.uploads.discard(["segments/a"], now=NOON, delete_after=LATER)
        assert tx.uploads.due(now=NOON, limit=10) == []
        assert [due.prefix for due in tx.uploads.due(now=LATER, limit=10)] == ["segments/a"]


def test_an_entry_that_cannot_be_read_gives_up_no_object(tmp_path: Path) -> None:
    """An object for which no entry answers is an orphan, and is deleted: perhaps a writer has just put it."""
    with closing(a_database(tmp_path)) as database:
        with database.transaction() as tx:
            tx.uploads.begin("segments/a", now=NOON)
        with database.exclusively() as connection:
            connection.execute(text("UPDATE ledger SET mark = x'ff'"))
        with pytest.raises(DamagedRow), database.snapshot() as tx:
            tx.uploads.answered_for(["segments/a"], prefix_of=str)
