"""A process that dies, or fails, at any step of taking in a batch with many refused lines."""

from __future__ import annotations

import contextlib
import itertools
from datetime import timedelta
from pathlib import Path

import pytest

from dayfile.errors import Transient
from dayfile.intake import batch, rejections
from dayfile.intake.pipeline import Intake
from dayfile.model.receipt import Receipt
from dayfile.objects.sweep import STALE_AFTER, Sweep
from dayfile.store.database import Database
from tests.support.intake import OPERATOR, Place, a_delivery
from tests.support.records import Sent
from tests.support.state import an_account
from tests.support.steps import Died, SteppingDatabase, SteppingStorage, Steps

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")

BAD = 14
KEY = "the batch"


@pytest.fixture(autouse=True)
def _few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that a small batch goes beyond, so that it is written in several transactions."""
    monkeypatch.setattr(rejections, "FEW_REFUSALS", 2)
    for module in (rejections, batch):
        monkeypatch.setattr(module, "HELD_REFUSALS", 4)


def _send(intake: Intake, account: str) -> Receipt:
    good = Sent(account=account, name="good", created="2026-11-01T10:00:00Z", updated="2026-11-01T10:00:00Z", body="b")
    return intake.accept(a_delivery([good, *[b"bad\n"] * BAD], key=KEY))


def _check(place: Place, *, is_there: bool) -> None:
    """The receipt, the record and all rejections, or none of them."""
    with place.database.snapshot() as tx:
        receipt = tx.receipts.find(OPERATOR.credential, KEY)
    numbers = [number for _, number, _ in place.rejected()]
    records = sum(map(len, place.waiting().values()))
    if is_there or receipt is not None:
        assert receipt is not None
        assert (records, numbers) == (1, list(range(2, BAD + 2)))
    else:
        assert (records, numbers) == (0, [])


def _rows(database: Database) -> int:
    with database.snapshot() as tx:
        return int(tx._connection.exec_driver_sql("SELECT count(*) FROM rejection").scalar_one())


@pytest.mark.parametrize("recovers", [False, True])
def test_a_batch_of_refused_lines_is_kept_whole_or_not_at_all(tmp_path: Path, recovers: bool) -> None:
    """Its sender sends it again under its key and gets one receipt; what the dead have left is swept."""
    for step in itertools.count(1):
        folder = tmp_path / str(step)
        folder.mkdir()
        place = Place(folder)
        account = an_account(place.database, "acme").sid
        steps = Steps(at=step, recovers=recovers)
        database = SteppingDatabase.of(place.database, steps)
        with (
            contextlib.suppress(Died, Transient),
            place.process(database=database, storage=SteppingStorage(place.storage, steps)) as intake,
        ):
            _send(intake, account)
        _check(place, is_there=not steps.was_reached)
        with place.process() as intake:
            receipt = _send(intake, account)
            assert (receipt.accepted, receipt.rejected) == (1, BAD)
            assert _send(intake, account) == receipt
        place.clock.pass_by(STALE_AFTER + timedelta(seconds=1))
        sweep = Sweep(place.database, place.storage, clock=place.clock)
        while sweep.step():
            pass
        _check(place, is_there=True)
        assert _rows(place.database) == BAD
        place.database.close()
        if not steps.was_reached:
            assert step > 12, "four transactions before the commit, and the commit"
            return
