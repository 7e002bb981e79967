"""Two workers forget the last two files of a pack at the same instant, again and again: exactly one condemns it.

On PostgreSQL the two really meet; what keeps them apart is the lock of the pack's row. If neither condemned it, the
object would stay for ever; if both did, a count was wrong before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from dayfile.exports.retention import Retention
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.export import NewSealedDay
from dayfile.model.resource import MESSAGES
from dayfile.store.database import Database
from dayfile.store.sealed_days import Disused
from tests.support.clock import NOON, FakeClock
from tests.support.postgres import a_postgres_database
from tests.support.sealed import a_sealed_file
from tests.support.state import a_database, a_sid

FEW = 10
MANY = 1000
DAY = Day.parse("2026-11-01")
LONG_AGO = NOON - timedelta(days=30)
ACCOUNTS = [AccountSid(a_sid("AC", name)) for name in ("acme", "other")]

Forget = Callable[[Database, Disused], None]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A new database."""
    database = a_database(tmp_path) if request.param == "sqlite" else a_postgres_database()
    yield database
    database.close()


def _sealed(database: Database, number: int, *, revision: int, pack: str | None) -> None:
    mark = f"mark-{number}-{revision}"
    with database.transaction() as tx:
        upload = tx.uploads.begin("sealed/", mark=mark, now=LONG_AGO)
        claim = tx.seals.claim(MESSAGES, DAY, worker="w", upload_id=upload, mark=mark, leased_until=NOON, now=LONG_AGO)
        assert claim is not None
        new = [_file(account, mark, revision=revision, pack=pack, at=at) for at, account in enumerate(ACCOUNTS)]
        tx.sealed_days.add(claim, new, packs={pack: 200} if pack else {}, now=LONG_AGO)
        tx.seals.commit(claim, now=LONG_AGO)
        tx.uploads.go_live([upload], now=LONG_AGO)


def _file(account: AccountSid, mark: str, *, revision: int, pack: str | None, at: int) -> NewSealedDay:
    new = a_sealed_file(account, MESSAGES, DAY, revision=revision, mark=mark)
    return replace(new, pack_key=pack, pack_offset=at * 100) if pack else new


def _by_retention(database: Database, one: Disused) -> None:
    """As a worker does: whatever there is, until nothing is left; the other one does the same."""
    del one
    retention = Retention(
        database,
        clock=FakeClock(),
        job_lifetime=timedelta(days=7),
        notice_lifetime=timedelta(days=30),
        sweep_delay=timedelta(days=7),
    )
    while retention.step():
        pass


def _its_own(database: Database, one: Disused) -> None:
    """As a worker does whose step has found one of the two."""
    with database.transaction() as tx:
        assert one.pack_id is not None
        tx.packs.lock([one.pack_id])
        unused = tx.sealed_days.forget([one])
        tx.uploads.condemn(unused, now=NOON, delete_after=NOON)


def _at_once(database: Database, forget: Forget, disused: Sequence[Disused]) -> None:
    start = threading.Barrier(len(disused))

    def run(one: Disused) -> None:
        start.wait()
        forget(database, one)

    with ThreadPoolExecutor(len(disused)) as pool:
        for running in [pool.submit(run, one) for one in disused]:
            running.result()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("forget", [_its_own, _by_retention])
@pytest.mark.parametrize("times", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_the_last_two_files_of_a_pack_condemn_it_once(database: Database, forget: Forget, times: int) -> None:
    """Neither sees what the other does; one of them takes the count to nothing."""
    revision = 0
    for number in range(times):
        pack = f"sealed/type=Messages/day={DAY}/pack-0001-{number}"
        _sealed(database, number, revision=(revision := revision + 1), pack=pack)
        _sealed(database, number, revision=(revision := revision + 1), pack=None)
        with database.transaction() as tx:
            disused = tx.sealed_days.disused(superseded_before=NOON, unpublished_before=NOON, limit=10)
            packed = [one for one in disused if one.pack_id is not None]
            tx.uploads.condemn(
                tx.sealed_days.forget([one for one in disused if one.pack_id is None]), now=NOON, delete_after=NOON
            )
        assert len(packed) == len(ACCOUNTS)
        _at_once(database, forget, packed)
        with database.snapshot() as tx:
            garbage = [one for one in tx.uploads.due(now=NOON + timedelta(days=8), limit=10_000) if one.prefix == pack]
            assert (len(garbage), tx.packs.all(), tx.packs.miscounted(limit=9)) == (1, [], []), f"pack {number}"
