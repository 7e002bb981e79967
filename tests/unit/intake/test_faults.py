"""Trouble at every step of taking a batch in: all of it is there or nothing, and the sender is told which."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from dayfile.errors import DatabaseUnavailable, Transient
from dayfile.model.account import Account
from dayfile.model.receipt import Receipt
from tests.support.intake import Place, a_delivery
from tests.support.records import Sent
from tests.support.state import a_sid, an_account
from tests.support.steps import SteppingDatabase, SteppingStorage, Steps

DAY, NEXT = "2026-11-01", "2026-11-02"
PART_BYTES = 200_000


def _batch(account: Account, *, count: int = 40) -> list[Sent]:
    """Records of two days, too long for one part, and hard to compress: most parts are objects."""
    return [
        Sent(
            account=account.sid,
            name=f"{n}",
            created=f"{DAY if n % 4 else NEXT}T10:00:00Z",
            updated=f"{DAY}T10:00:00Z",
            body="".join(a_sid("", f"{n}/{m}") for m in range(400)),
        )
        for n in range(count)
    ]


@pytest.mark.parametrize("part_bytes", [PART_BYTES, 1 << 30])
def test_a_batch_is_whole_or_not_there_whichever_step_fails(tmp_path: Path, part_bytes: int) -> None:
    """Every write to database and storage fails once; the sender sends again until it has a receipt."""
    for at in itertools.count(1):
        (tmp_path / str(at)).mkdir()
        place = Place(tmp_path / str(at))
        steps = Steps(at=at, recovers=True)
        receipt = _send_until_answered(place, _batch(an_account(place.database)), steps, part_bytes=part_bytes)
        assert (receipt.accepted, receipt.rejected) == (40, 1)
        assert {day: len(lines) for day, lines in place.waiting().items()} == {DAY: 30, NEXT: 10}
        assert len(place.rejected()) == 1
        assert (place.pending(), place.unaccounted()) == (0, [])
        place.database.close()
        if not steps.was_reached:
            assert at > 6
            return


def _send_until_answered(place: Place, batch: list[Sent], steps: Steps, *, part_bytes: int) -> Receipt:
    database = SteppingDatabase.of(place.database, steps)
    storage = SteppingStorage(place.storage, steps)
    with place.process(database=database, storage=storage, part_bytes=part_bytes) as intake:
        for attempt in itertools.count(1):
            try:
                return intake.accept(a_delivery([*batch, b"bad\n"], key="k"))
            except Transient:
                assert attempt == 1
                kept = {day: len(lines) for day, lines in place.waiting().items()}
                # The step after the commit fails, too: then all of it is there, and the second try finds the receipt.
                assert kept in ({}, {DAY: 30, NEXT: 10})
                assert len(place.rejected()) == (1 if kept else 0)
    raise AssertionError


def test_a_part_that_the_sweep_took_for_abandoned_fails_its_batch(place: Place, acme: Account) -> None:
    """A sender may take longer than the sweep is patient: what was swept must not be counted."""

    def blocks() -> Iterator[Sent]:
        yield from _batch(acme, count=200)
        later = place.clock.now() + timedelta(days=1)
        with place.database.transaction() as tx:
            assert tx.uploads.condemn_stale(before=later, now=later) > 0

    with place.process(part_bytes=PART_BYTES) as intake:
        with pytest.raises(Transient, match="send it again"):
            intake.accept(a_delivery(blocks()))
        assert place.waiting() == {}
        assert intake.accept(a_delivery(_batch(acme))).accepted == 40


def test_a_full_database_is_told_and_recovers(place: Place, acme: Account) -> None:
    """SQLite on a full disk: nothing of the batch is there, and with room again the next one is taken."""

    def no_more_pages(connection: Any, _record: object, _proxy: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # so: no more than there are

    rejected = b"bad\n" * 5000  # more than there is room for in the pages that are begun
    with place.process() as intake:
        event.listen(place.database.engine, "checkout", no_more_pages)
        with pytest.raises(DatabaseUnavailable, match="full"):
            intake.accept(a_delivery([*_batch(acme), rejected]))
        event.remove(place.database.engine, "checkout", no_more_pages)
        place.database.engine.dispose()
        assert (place.waiting(), place.rejected(), place.pending()) == ({}, [], 0)
        assert intake.accept(a_delivery(_batch(acme))).accepted == 40
