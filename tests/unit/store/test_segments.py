"""Segments and seals: sets and never watermarks; what a seal takes is exactly what goes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from dayfile.errors import LostClaim
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.resource import CALLS, MESSAGES
from dayfile.model.seal import SealClaim
from dayfile.store.database import Database
from tests.support.clock import NOON
from tests.support.state import a_database, a_segment, a_sid

ACME, OTHER = AccountSid(a_sid("AC", "acme")), AccountSid(a_sid("AC", "other"))
DAY = Day.parse("2026-11-01")
LEASE = timedelta(seconds=60)


def _take(database: Database, *, now: datetime = NOON, worker: str = "w") -> SealClaim | None:
    with database.transaction() as tx:
        upload = tx.uploads.begin("sealed/", mark="m", now=now)
        claim = tx.seals.claim(
            MESSAGES, DAY, worker=worker, upload_id=upload, mark="m", leased_until=now + LEASE, now=now
        )
        if claim is not None:
            tx.segments.take(claim.id, MESSAGES, DAY)
        return claim


def _commit(database: Database, claim: SealClaim, *, now: datetime = NOON) -> list[str]:
    with database.transaction() as tx:
        tx.seals.commit(claim, now=now)
        return tx.segments.remove_of_seal(claim.id)


def _waiting(database: Database) -> list[int]:
    with database.snapshot() as tx:
        return [segment.id for segment in tx.segments.of_day(MESSAGES, DAY)]


def test_a_lower_id_that_appears_after_a_higher_one_was_sealed_still_waits(database: Database) -> None:
    """Ids are given before they commit: with a watermark at the sealed one, this segment would be lost."""
    with database.transaction() as tx:
        low, high = tx.segments.add([a_segment(ACME), a_segment(ACME)], now=NOON)
    with database.exclusively() as connection:  # what others see while the first has not committed yet
        connection.execute(text("CREATE TABLE not_yet AS SELECT * FROM segment WHERE id = :id"), {"id": low})
        connection.execute(text("DELETE FROM segment WHERE id = :id"), {"id": low})
    claim = _take(database)
    assert claim is not None
    with database.exclusively() as connection:
        connection.execute(text("INSERT INTO segment SELECT * FROM not_yet"))
    _commit(database, claim)
    assert _waiting(database) == [low] != [high]
    again = _take(database)
    assert again is not None
    _commit(database, again)
    assert _waiting(database) == []


def test_what_arrives_during_a_seal_waits_for_the_next(database: Database) -> None:
    """Its lines are not in the file that is being made."""
    with database.transaction() as tx:
        tx.segments.add([a_segment(ACME, key="segments/a")], now=NOON)
    claim = _take(database)
    with database.transaction() as tx:
        later = tx.segments.add([a_segment(ACME, key="segments/b")], now=NOON)
    assert claim is not None
    assert _commit(database, claim) == ["segments/a"]
    assert _waiting(database) == later


def test_one_worker_at_a_time_seals_a_day(database: Database) -> None:
    """Two would give the same revision twice."""
    assert _take(database) is not None
    assert _take(database, worker="w2") is None


def test_the_set_of_a_lost_seal_is_taken_over_and_its_commit_refused(database: Database) -> None:
    """A worker that froze for longer than its lease finds its day given away."""
    with database.transaction() as tx:
        tx.segments.add([a_segment(ACME)], now=NOON)
    frozen = _take(database)
    later = NOON + LEASE
    taken_over = _take(database, now=later, worker="w2")
    assert frozen is not None
    assert taken_over is not None
    with pytest.raises(LostClaim):
        _commit(database, frozen, now=later)
    assert len(_waiting(database)) == 1
    _commit(database, taken_over, now=later)
    assert _waiting(database) == []


def test_compaction_cannot_touch_what_a_seal_holds(database: Database) -> None:
    """The seal would delete the compacted segment, or the compaction the seal's set: lines would be lost or doubled."""
    with database.transaction() as tx:
        ids = tx.segments.add([a_segment(ACME), a_segment(ACME)], now=NOON)
    claim = _take(database)
    assert claim is not None
    with pytest.raises(LostClaim), database.transaction() as tx:
        tx.segments.replace(ids, a_segment(ACME, key="segments/compacted"), accepted_at=NOON)
    with database.transaction() as tx:
        tx.segments.replace(ids, a_segment(ACME, key="segments/compacted"), accepted_at=NOON, seal_id=claim.id)
    assert _commit(database, claim) == ["segments/compacted"]


def test_two_folds_of_the_same_segments_cannot_both_count(database: Database) -> None:
    """Every line would be there twice."""
    with database.transaction() as tx:
        ids = tx.segments.add([a_segment(ACME), a_segment(ACME)], now=NOON)
        tx.segments.replace(ids, a_segment(ACME, key="segments/one"), accepted_at=NOON)
    with pytest.raises(LostClaim), database.transaction() as tx:
        tx.segments.replace(ids, a_segment(ACME, key="segments/two"), accepted_at=NOON)
    assert len(_waiting(database)) == 1


def test_a_job_waits_only_for_records_of_its_account_that_came_before_it(database: Database) -> None:
    """Others' records, later ones and those of other types are none of its business."""
    with database.transaction() as tx:
        tx.segments.add([a_segment(ACME)], now=NOON)
        tx.segments.add([a_segment(ACME, "2026-11-02")], now=NOON + timedelta(seconds=1))
        tx.segments.add([a_segment(OTHER, "2026-11-03")], now=NOON)
        tx.segments.add([a_segment(ACME, "2026-11-04", resource_type=CALLS)], now=NOON)
        assert tx.segments.days_waiting(ACME, MESSAGES, accepted_by=NOON) == {DAY}


def test_inline_bytes_go_with_their_segment(database: Database) -> None:
    """Nothing is left behind in a table that nobody looks at."""
    with database.transaction() as tx:
        ids = tx.segments.add([a_segment(ACME)], now=NOON)
        assert tx.segments.inline(ids) == {ids[0]: b"lines"}
    claim = _take(database)
    assert claim is not None
    _commit(database, claim)
    with database.exclusively() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM segment_inline").scalar_one() == 0


def test_bytes_that_were_given_to_no_segment_keep_no_other_from_being_added(tmp_path: Path) -> None:
    """The next segment would run into them, and intake would end; they stay, for whoever mends the row."""
    database = a_database(tmp_path)
    with database.transaction() as tx:
        [before] = tx.segments.add([a_segment(ACME)], now=NOON)
    with closing(sqlite3.connect(tmp_path / "dayfile.sqlite")) as editor, editor:
        editor.execute("UPDATE segment_inline SET segment_id = segment_id + 1")  # SQLite checks no keys unless asked
    with database.transaction() as tx:
        [after] = tx.segments.add([a_segment(OTHER)], now=NOON)
        assert after == before + 2
        assert tx.segments.inline([after]) == {after: b"lines"}
        assert tx.segments.inline([before + 1]) == {before + 1: b"lines"}
    database.close()
