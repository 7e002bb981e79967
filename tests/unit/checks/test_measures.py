"""Measures: what waits in a database, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from dayfile.checks.measures import Measures, measure
from dayfile.model.day import Day
from dayfile.model.notice import Channel, Result
from dayfile.model.resource import MESSAGES
from dayfile.store.database import Database
from dayfile.store.lanes import FailingLanes
from dayfile.store.tables.sealing import pack
from tests.support.clock import NOON
from tests.support.lanes import claimed, concluded
from tests.support.notices import a_notice, an_outcome, told
from tests.support.postgres import a_postgres_database
from tests.support.state import a_database, a_job, a_job_request, an_account

MINUTE = timedelta(minutes=1)
FAILED = an_outcome(Result.FAILED, status=500)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A new database, closed at the end."""
    database = a_database(tmp_path) if request.param == "sqlite" else a_postgres_database()
    yield database
    database.close()


def measured(database: Database, *, after: timedelta = timedelta()) -> Measures:
    """The measures of a database, so long after noon."""
    with database.snapshot() as tx:
        return measure(tx, now=NOON + after)


def test_where_nothing_waits_all_is_zero(database: Database) -> None:
    """No figure is missing: a gap in a graph would look like an outage."""
    found = measured(database)
    assert (found.unfinished_jobs, found.oldest_job_waits_for, found.due_notice_waits_for) == (
        0,
        timedelta(),
        timedelta(),
    )
    assert set(found.waiting) == {"Messages", "Calls", "Conferences", "Participants"}
    assert (found.packs.packs, found.packs.dead_bytes, found.failing) == (0, 0, ())


def test_what_waits_is_counted_with_its_age(database: Database) -> None:
    """A long queue may be a busy day; an old one is not."""
    acme = an_account(database)
    a_job(database, a_job_request(acme), "first")
    a_job(database, a_job_request(acme), "second", now=NOON + 5 * MINUTE)
    told(database, a_notice(acme.sid))
    with database.transaction() as tx:
        tx.seals.open_days([(MESSAGES, Day.parse("2026-11-20")), (MESSAGES, Day.of(NOON))])
    found = measured(database, after=10 * MINUTE)
    assert (found.unfinished_jobs, found.oldest_job_waits_for) == (2, 10 * MINUTE)
    assert (found.pending_notices, found.due_notice_waits_for) == (1, 10 * MINUTE)
    assert found.waiting["Messages"].day_is_over_for == NOON + 10 * MINUTE - Day.parse("2026-11-20").end


def test_dead_bytes_are_what_no_file_is_in(database: Database) -> None:
    """They cost room until their pack is rewritten; a pack that does not count yet is none."""
    row = {"resource_type": MESSAGES.name, "day": Day.parse("2026-11-20"), "size_bytes": 100, "live_files": 1}
    with database.exclusively() as connection:
        for key, live, state in (("one", 90, "live"), ("two", 40, "live"), ("three", 100, "new")):
            values = {**row, "object_key": key, "live_bytes": live, "state": state}
            connection.execute(pack.insert().values(values))
    found = measured(database)
    assert (found.packs.packs, found.packs.dead_bytes, found.packs_to_rewrite) == (2, 70, 1)


def test_lanes_that_fail_are_weighed_against_those_that_answer(database: Database) -> None:
    """One receiver that is down is its owner's trouble; most of them are the operator's."""
    acme = an_account(database).sid
    told(database, *(a_notice(acme, f"gone {number}", receiver="https://gone.example") for number in range(2)))
    turn = claimed(database, acme)
    assert turn is not None
    concluded(database, turn, FAILED)
    gone = FailingLanes(channel=Channel.WEBHOOK, lanes=1, notices=1, since=NOON, are_most=True)
    assert measured(database).failing == (gone,)
    told(database, a_notice(acme, "there", receiver="https://there.example"))
    while (turn := claimed(database, acme)) is not None:
        concluded(database, turn, FAILED if "gone" in turn.notice.receiver else an_outcome())
    (failing,) = measured(database).failing
    assert (failing.notices, failing.are_most) == (2, False)
