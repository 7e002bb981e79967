from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dayfile.errors import Transient
from dayfile.objects.writer import ObjectWriter
from dayfile.store.database import Database
from dayfile.store.uploads import GARBAGE, LIVE, PENDING
from tests.support.clock import NOON, FakeClock
from tests.support.memory_storage import MemoryStorage
from tests.support.state import a_database
from tests.support.steps import SteppingDatabase, SteppingStorage, Steps

KEYS = ["segments/a", "segments/b"]


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """A state database."""
    return a_database(tmp_path)


def _failing(database: Database, at: int | None) -> tuple[ObjectWriter, Database]:
    """A writer, and its database, one step of which fails."""
    steps = Steps(at=at, recovers=True)
    stepping = SteppingDatabase.of(database, steps)
    return ObjectWriter(stepping, SteppingStorage(MemoryStorage(), steps), clock=FakeClock()), stepping


def _states(database: Database) -> list[str | None]:
    with database.snapshot() as tx:
        entries = [tx.uploads.find(key) for key in KEYS]
    return [entry.state if entry else None for entry in entries]


BEFORE_IT_IS_ANNOUNCED, BEFORE_THAT_COMMIT, UNHEARD, BEFORE_THE_PUT, AFTER_THE_PUT = 1, 2, 3, 4, 5
BEFORE_THE_BLOCK, BEFORE_ITS_COMMIT, AFTER_ITS_COMMIT, NOWHERE = 6, 7, 8, None


@pytest.mark.parametrize(
    ("step", "state"),
    [
        (BEFORE_IT_IS_ANNOUNCED, None),
        (BEFORE_THAT_COMMIT, None),
        (UNHEARD, PENDING),  # the database never said that it is committed: the sweep finds it when it is stale
        (BEFORE_THE_PUT, GARBAGE),
        (AFTER_THE_PUT, GARBAGE),
        (BEFORE_THE_BLOCK, GARBAGE),
        (BEFORE_ITS_COMMIT, GARBAGE),
        (AFTER_ITS_COMMIT, LIVE),
        (NOWHERE, LIVE),
    ],
)
def test_an_object_is_live_if_its_commit_was_made_and_given_up_if_not(
    database: Database, step: int | None, state: str | None
) -> None:
    """Wherever it fails: an object that is neither would cost its room for hours, one that is both would be lost."""
    writer, stepping = _failing(database, step)
    try:
        with writer.put(KEYS[0], [b"bytes"]) as new, stepping.transaction() as tx:
            assert (new.key, new.size_bytes) == (KEYS[0], 5)
            tx.uploads.go_live([new.upload_id], now=NOON)
    except Transient:
        assert step is not None
    assert _states(database) == [state, None]


@pytest.mark.parametrize(
    ("step", "state"),
    [(BEFORE_IT_IS_ANNOUNCED, None), (BEFORE_THE_PUT, GARBAGE), (AFTER_THE_PUT, GARBAGE), (NOWHERE, PENDING)],
)
def test_of_many_objects_all_are_pending_or_all_are_given_up(
    database: Database, step: int | None, state: str | None
) -> None:
    """They go into one commit: half of them would be of no use to it."""
    writer, _ = _failing(database, step)
    try:
        upload_ids = writer.put_many(dict.fromkeys(KEYS, b"bytes"))
    except Transient:
        assert step is not None
    else:
        assert list(upload_ids) == KEYS
    assert _states(database) == [state, state]


def test_an_error_of_the_source_reaches_the_caller_and_gives_the_object_up(database: Database) -> None:
    """A damaged segment that is being compacted must be named, not hidden behind what follows from it."""
    writer, _ = _failing(database, None)

    def chunks() -> Iterator[bytes]:
        yield b"half"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError), writer.put(KEYS[0], chunks()):
        pytest.fail("there is no object to commit")
    assert _states(database) == [GARBAGE, None]


def test_what_cannot_be_given_up_now_is_left_to_the_sweep(database: Database) -> None:
    """The caller is told what went wrong first; that the database is away as well says less."""
    first_of_giving_up = 1
    writer, _ = _failing(database, first_of_giving_up)
    with database.transaction() as tx:
        upload_id = tx.uploads.begin(KEYS[0], now=NOON)
    writer.give_up([upload_id])
    assert _states(database) == [PENDING, None]
    writer.give_up([upload_id])
    assert _states(database) == [GARBAGE, None]
