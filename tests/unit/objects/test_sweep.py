"""The sweep: what cannot be deleted keeps nothing else from being deleted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest

from dayfile.errors import StorageUnavailable
from dayfile.files.storage import LocalStorage
from dayfile.objects.sweep import FAILED_RESTS_FOR, Sweep
from dayfile.store.database import Database
from tests.support.clock import FakeClock
from tests.support.state import a_database

STUCK = "segments/stuck"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """A state database."""
    return a_database(tmp_path)


@pytest.fixture
def swept(database: Database, tmp_path: Path) -> tuple[Sweep, LocalStorage, FakeClock]:
    """A sweep over 250 objects that may go, the oldest of which is a folder by mistake."""
    clock, storage = FakeClock(), LocalStorage(tmp_path)
    others = [f"segments/{number}" for number in range(250)]
    (tmp_path / STUCK / "inside").mkdir(parents=True)
    storage.put_many((key, b"x") for key in others)
    with database.transaction() as tx:
        ids = [tx.uploads.begin(key, now=clock.now()) for key in (STUCK, *others)]
        tx.uploads.give_up(ids, now=clock.now())
        stuck = tx.uploads.begin("not a key", now=clock.now())  # a row that was edited
        tx.uploads.give_up([stuck], now=clock.now() - timedelta(hours=1))
    return Sweep(database, storage, clock=clock), storage, clock


def test_an_object_that_cannot_be_deleted_holds_up_no_other(
    swept: tuple[Sweep, LocalStorage, FakeClock], database: Database
) -> None:
    """It was the first in every step, and the storage filled up with what nobody wanted."""
    sweep, storage, clock = swept
    with pytest.raises(ValueError, match="not a key"):
        sweep.step()
    while sweep.step():
        pass
    assert list(storage.scan("segments/")) == []
    with database.snapshot() as tx:
        assert [one.prefix for one in tx.uploads.due(now=clock.now() + FAILED_RESTS_FOR, limit=9)] == ["not a key"]


class _Failing(LocalStorage):
    """A storage in which one object cannot be deleted."""

    def delete(self, keys: Iterable[str]) -> None:
        """Delete any other object."""
        wanted = list(keys)
        if "segments/7" in wanted:
            raise StorageUnavailable("the disk reports an error")
        super().delete(wanted)


def test_a_storage_that_fails_for_one_object_is_told_and_the_others_go(
    swept: tuple[Sweep, LocalStorage, FakeClock], database: Database
) -> None:
    """The error is seen in the log, and after a while it is tried again."""
    _, storage, clock = swept
    sweep = Sweep(database, _Failing(storage.root), clock=clock)
    for _ in range(9):
        try:
            if not sweep.step():
                break
        except (StorageUnavailable, ValueError):
            continue
    assert list(storage.scan("segments/")) == ["segments/7"]
    clock.pass_by(FAILED_RESTS_FOR)
    with pytest.raises((StorageUnavailable, ValueError)):
        Sweep(database, _Failing(storage.root), clock=clock).step()
