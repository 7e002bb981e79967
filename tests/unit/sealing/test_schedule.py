"""The days that are due: each at a known time, and late ones when they have come to rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.resource import MESSAGES, PARTICIPANTS, RESOURCE_TYPES
from dayfile.sealing import schedule
from dayfile.sealing.schedule import SealingRule, due_days, missing_days
from dayfile.store.database import Database
from tests.support.state import a_database, a_segment, a_sid

ACME = AccountSid(a_sid("AC", "acme"))
RULE = SealingRule(grace=timedelta(minutes=60), quiet=timedelta(minutes=10), limit=timedelta(hours=6))
INSTALLED = datetime(2026, 11, 20, 15, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """An instance that was started on the 20th."""
    database = a_database(tmp_path)
    _open_days(database, INSTALLED)
    return database


def _open_days(database: Database, now: datetime) -> list[str]:
    with database.transaction() as tx:
        missing = missing_days(tx, now=now)
        tx.seals.open_days(missing)
    return sorted({str(day) for _, day in missing})


def _due(database: Database, now: datetime) -> list[tuple[str, str]]:
    with database.snapshot() as tx:
        return [(resource_type.name, str(day)) for resource_type, day in due_days(tx, RULE, now=now)]


def _seal(database: Database, day: str, *, now: datetime) -> None:
    with database.transaction() as tx:
        upload = tx.uploads.begin("sealed/", mark="m", now=now)
        claim = tx.seals.claim(
            MESSAGES, Day.parse(day), worker="w", upload_id=upload, mark="m", leased_until=now + RULE.grace, now=now
        )
        assert claim is not None
        tx.segments.take(claim.id, MESSAGES, Day.parse(day))
        tx.seals.commit(claim, now=now)
        tx.segments.remove_of_seal(claim.id)


def _accept(database: Database, day: str, *, now: datetime) -> None:
    with database.transaction() as tx:
        tx.segments.add([a_segment(ACME, day)], now=now)


def test_every_type_of_a_day_is_due_at_its_end_plus_the_grace(database: Database) -> None:
    """Days without records too: a seal of nothing is what tells everybody that there was nothing."""
    assert _due(database, MIDNIGHT + timedelta(minutes=60, microseconds=-1)) == []
    due = _due(database, MIDNIGHT + timedelta(minutes=60))
    assert sorted(due) == sorted((one.name, "2026-11-20") for one in RESOURCE_TYPES)


def test_records_that_keep_coming_do_not_put_off_the_first_seal(database: Database) -> None:
    """A day is sealed at a known time."""
    now = MIDNIGHT + timedelta(minutes=60)
    _accept(database, "2026-11-20", now=now)
    assert ("Messages", "2026-11-20") in _due(database, now)


def test_no_day_is_forgotten_by_a_downtime(database: Database) -> None:
    """After three days away, each of the days between is opened, and due."""
    back = INSTALLED + timedelta(days=3, hours=12)
    assert _open_days(database, back) == ["2026-11-21", "2026-11-22", "2026-11-23", "2026-11-24"]
    assert _open_days(database, back) == []
    assert {day for _, day in _due(database, back)} == {"2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23"}


def test_a_type_that_is_added_later_has_its_first_day_from_then_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day that is not open has no first seal, so no daily exports; the days before it are none of the type's."""
    database = a_database(tmp_path)
    with monkeypatch.context() as before:
        before.setattr(schedule, "RESOURCE_TYPES", tuple(one for one in RESOURCE_TYPES if one != PARTICIPANTS))
        _open_days(database, INSTALLED)
        _open_days(database, MIDNIGHT)
    _open_days(database, MIDNIGHT + timedelta(hours=15))
    due = _due(database, MIDNIGHT + timedelta(days=1, minutes=60))
    assert [day for name, day in due if name == "Participants"] == ["2026-11-21"]
    assert [day for name, day in due if name == "Messages"] == ["2026-11-20", "2026-11-21"]
    assert _open_days(database, MIDNIGHT + timedelta(hours=16)) == []


def test_a_type_that_missed_days_gets_those_alone(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release that knows fewer types ran for two days: nobody sealed those days of the others, and they are due."""
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(schedule, "RESOURCE_TYPES", (MESSAGES,))
        _open_days(database, MIDNIGHT + timedelta(days=1, hours=1))
    _open_days(database, MIDNIGHT + timedelta(days=2))
    due = _due(database, MIDNIGHT + timedelta(days=2, hours=1))
    assert sorted(due) == sorted(
        (one.name, day) for one in RESOURCE_TYPES for day in ("2026-11-20", "2026-11-21", "2026-11-22")
    )


def test_late_records_are_sealed_when_they_have_been_quiet(database: Database) -> None:
    """One revision for a burst, not one for each record."""
    now = MIDNIGHT + timedelta(hours=2)
    _seal(database, "2026-11-20", now=now)
    _accept(database, "2026-11-20", now=now)
    late = ("Messages", "2026-11-20")
    assert late not in _due(database, now + timedelta(minutes=10, microseconds=-1))
    assert late in _due(database, now + timedelta(minutes=10))


def test_late_records_that_never_rest_are_sealed_at_the_limit(database: Database) -> None:
    """Else a trickle would keep them out for ever."""
    start = MIDNIGHT + timedelta(hours=2)
    _seal(database, "2026-11-20", now=start)
    for minutes in range(0, 360, 5):
        _accept(database, "2026-11-20", now=start + timedelta(minutes=minutes))
    late = ("Messages", "2026-11-20")
    assert late not in _due(database, start + timedelta(minutes=359))
    assert late in _due(database, start + timedelta(minutes=360))


def test_an_archive_of_days_before_the_installation_counts_as_late(database: Database) -> None:
    """It is sealed when it is all in, not after the first of many batches."""
    _accept(database, "2024-02-29", now=INSTALLED)
    old = ("Messages", "2024-02-29")
    assert old not in _due(database, INSTALLED)
    assert old in _due(database, INSTALLED + timedelta(minutes=10))


def test_an_archive_that_is_sealed_first_of_all_opens_no_days_since(tmp_path: Path) -> None:
    """Taken for the newest day that was opened, one of 2015 would have every day since sealed and exported."""
    database = a_database(tmp_path)
    _accept(database, "2015-01-01", now=INSTALLED)
    _seal(database, "2015-01-01", now=INSTALLED)
    assert _open_days(database, INSTALLED) == ["2026-11-20"]


def test_a_day_that_is_sealed_before_its_end_is_due_all_the_same(database: Database) -> None:
    """More of it was still to come: only the seal after its end is the one that its exports wait for."""
    _seal(database, "2026-11-20", now=INSTALLED)
    _seal(database, "2026-11-21", now=INSTALLED)  # records may be a day ahead
    assert ("Messages", "2026-11-20") in _due(database, MIDNIGHT + timedelta(minutes=60))
    assert _open_days(database, MIDNIGHT) == ["2026-11-21"]


def test_records_of_today_and_tomorrow_wait_for_their_day(database: Database) -> None:
    """A platform's clock may be ahead."""
    for day in ("2026-11-20", "2026-11-21"):
        _accept(database, day, now=INSTALLED)
    assert _due(database, INSTALLED + timedelta(hours=8)) == []


def test_a_day_that_somebody_seals_is_not_due(database: Database) -> None:
    """Until the lease runs out."""
    now = MIDNIGHT + timedelta(hours=2)
    with database.transaction() as tx:
        upload = tx.uploads.begin("sealed/", mark="m", now=now)
        day = Day.parse("2026-11-20")
        assert tx.seals.claim(
            MESSAGES, day, worker="w", upload_id=upload, mark="m", leased_until=now + timedelta(minutes=1), now=now
        )
    assert ("Messages", "2026-11-20") not in _due(database, now)
    assert ("Messages", "2026-11-20") in _due(database, now + timedelta(minutes=1))
