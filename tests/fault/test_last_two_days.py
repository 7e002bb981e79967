"""Two workers finish the last two days of a job at the same instant, again and again: it is over, and told of once.

On PostgreSQL the two really meet; what keeps them apart is the lock of the job's row. `test_side_by_side.py` holds one
of them at the worst moment, with the lock and without; here they meet wherever they meet.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from dayfile.store.database import Database
from tests.support.clock import NOON
from tests.support.postgres import a_postgres_database
from tests.support.race import a_desk, a_job_for_two, give_up, publish, race
from tests.support.state import a_database, an_account

FEW = 10
MANY = 1000


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A new database."""
    database = a_database(tmp_path) if request.param == "sqlite" else a_postgres_database()
    yield database
    database.close()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("times", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_a_job_that_two_workers_end_is_told_of_once(database: Database, times: int) -> None:
    """Its days may have been published or given up, in whichever order."""
    account = an_account(database)
    desks = [a_desk(database, f"desk {number}") for number in range(2)]
    endings = itertools.cycle(itertools.product((publish, give_up), repeat=2))
    for number, ends in zip(range(times), endings, strict=False):
        job, claims = a_job_for_two(database, account, f"job {number}")
        race(zip(desks, claims, ends, strict=True))
        with database.snapshot() as tx:
            assert tx.jobs.get(job.sid).over_at == NOON, f"job {number}"
            assert tx.notices.page(limit=1)[0].job_sid == job.sid
    with database.snapshot() as tx:
        told = [notice.job_sid for notice in tx.notices.page(limit=2 * times)]
    assert len(told) == len(set(told)) == times
