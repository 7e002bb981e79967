"""Batches with very many refused lines: all of them are kept, and nobody waits for all of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dayfile.errors import TooLarge, Transient
from dayfile.intake import batch, rejections
from dayfile.intake.pipeline import Intake
from dayfile.model.account import Account
from dayfile.model.receipt import LISTED_REJECTIONS
from dayfile.objects.sweep import STALE_AFTER, Sweep
from dayfile.store.database import Database
from dayfile.store.transaction import Transaction
from tests.support.intake import Place, a_delivery
from tests.support.records import Sent
from tests.support.state import a_sid

DAY = "2026-11-01"
MOST_CHANGES = 1_100
"""A thousand rows, and the few that a commit has beside them."""

Body = list[Sent | bytes]


class WatchedDatabase(Database):
    """A database that counts the rows that each transaction changes, and lets others in between two of them."""

    changes: list[int]
    between: Callable[[], None]

    @classmethod
    def of(cls, database: Database) -> WatchedDatabase:
        """The same database, watched."""
        watched = cls.__new__(cls)
        watched.__dict__.update(database.__dict__)
        watched.changes = []
        watched.between = lambda: None
        return watched

    @contextlib.contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Transaction]:
        with super().transaction(durable=durable) as tx:
            before = _changes(tx)
            yield tx
            self.changes.append(_changes(tx) - before)
        between, self.between = self.between, lambda: None
        between()


def _changes(tx: Transaction) -> int:
    return int(tx._connection.exec_driver_sql("SELECT total_changes()").scalar_one())


def _rows(place: Place) -> int:
    """All rows, whether they count or not."""
    with place.database.snapshot() as tx:
        return int(tx._connection.exec_driver_sql("SELECT count(*) FROM rejection").scalar_one())


def _sweep(place: Place) -> None:
    sweep = Sweep(place.database, place.storage, clock=place.clock)
    while sweep.step():
        pass


def _message(name: str, account: str) -> Sent:
    return Sent(account=account, name=name, created=f"{DAY}T10:00:00Z", updated=f"{DAY}T10:00:00Z", body=name)


@pytest.fixture
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that a small batch goes beyond."""
    monkeypatch.setattr(rejections, "FEW_REFUSALS", 2)
    for module in (rejections, batch):
        monkeypatch.setattr(module, "HELD_REFUSALS", 4)


@pytest.mark.parametrize("bad", [b"x\n", b"{}\n", b'{"a":' * 2_000 + b"\n"])
def test_no_transaction_grows_with_what_a_sender_sends(place: Place, bad: bytes) -> None:
    """The next writer waits for all of it."""
    watched = WatchedDatabase.of(place.database)
    with place.process(database=watched) as intake:
        receipt = intake.accept(a_delivery(b"{}\n" + bad * 4_999))
    assert receipt.rejected == 5_000 == len(place.rejected())
    assert len(receipt.refusals) == LISTED_REJECTIONS
    assert max(watched.changes) <= MOST_CHANGES


def test_no_transaction_grows_with_the_bytes_of_refused_lines(place: Place) -> None:
    """Ten lines are few, and ten mebibytes are not."""
    watched = WatchedDatabase.of(place.database)
    with place.process(database=watched) as intake:
        assert intake.accept(a_delivery((b"x" * 900_000 + b"\n") * 10)).rejected == 10
    # A line and the entry of the ledger; two lines at most are beyond the bound together.
    assert max(watched.changes) <= 3
    assert len(place.rejected()) == 10


def test_many_senders_of_refused_lines_do_not_add_up_in_one_commit(place: Place) -> None:
    """Batches that share a commit wait for one another."""
    watched = WatchedDatabase.of(place.database)
    with place.process(database=watched) as intake:
        answers = intake.submit_all([a_delivery(b"x\n" * 99) for _ in range(40)])
        assert sum(answer.result().rejected for answer in answers) == 40 * 99
    assert max(watched.changes) <= MOST_CHANGES


def test_others_are_served_while_refused_lines_are_written(place: Place, acme: Account) -> None:
    """And see nothing of a batch that is not committed."""
    watched = WatchedDatabase.of(place.database)
    with place.process(database=watched) as intake, place.process() as other:
        seen: list[int] = []

        def between() -> None:
            seen.append(other.accept(a_delivery([_message("a", acme.sid)])).accepted)
            seen.append(len(place.rejected()))
            with place.database.snapshot() as tx:
                assert (tx.rejections.count(), tx.rejections.newest()) == (0, 0)

        watched.between = between
        assert intake.accept(a_delivery(b"{}\n" * 3_000)).rejected == 3_000
    assert seen == [1, 0]
    assert len(place.rejected()) == 3_000


@pytest.mark.usefixtures("few_at_once")
@given(body=st.lists(st.sampled_from(["good", "bad", "unknown"]), max_size=40))
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_every_refused_line_is_kept_once_and_in_order(
    place: Place, intake: Intake, acme: Account, body: list[str]
) -> None:
    """However many of them are written before the commit, and with it."""
    with place.database.transaction() as tx:
        tx.rejections.drop([one.id for one in tx.rejections.listed(limit=1000)])
    lines: Body = []
    for number, kind in zip(count(1), body, strict=False):
        name = f"{number}"
        lines.append(b"bad\n" if kind == "bad" else _message(name, acme.sid if kind == "good" else a_sid("AC", "none")))
    receipt = intake.accept(a_delivery(lines))
    refused = [number for number, kind in enumerate(body, 1) if kind != "good"]
    assert receipt.accepted == body.count("good")
    assert receipt.rejected == len(refused)
    assert [refusal.line_number for refusal in receipt.refusals] == refused
    assert [(source, number) for source, number, _ in place.rejected()] == [(receipt.sid, one) for one in refused]
    with place.database.snapshot() as tx:
        waiting = tx.rejections.awaited(after=None, limit=10)
    assert waiting == ([a_sid("AC", "none")] if "unknown" in body else [])


@pytest.mark.usefixtures("few_at_once")
def test_a_batch_that_breaks_off_leaves_nothing_that_counts(
    place: Place, intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused as a whole, after some of it was written: those rows are nobody's, and go."""
    monkeypatch.setattr(batch, "REFUSED_BYTES_LIMIT", 5_000)
    with pytest.raises(TooLarge, match="the first is line 1"):
        intake.submit(a_delivery(b"rubbish\n" * 100))
    assert place.rejected() == []
    assert _rows(place) > 0
    _sweep(place)
    assert _rows(place) == 0


@pytest.mark.usefixtures("few_at_once")
def test_refused_lines_of_a_sender_that_froze_are_swept_and_it_is_told(place: Place) -> None:
    """Between the two it was taken for dead: a receipt for lines that are gone would be a lie."""
    watched = WatchedDatabase.of(place.database)

    def hours_pass() -> None:
        place.clock.pass_by(STALE_AFTER + timedelta(seconds=1))
        _sweep(place)

    with place.process(database=watched) as intake:
        watched.between = hours_pass
        with pytest.raises(Transient, match="send it again"):
            intake.accept(a_delivery(b"x\n" * 10))
        _sweep(place)
        assert (_rows(place), place.rejected()) == (0, [])
        assert intake.accept(a_delivery(b"x\n" * 10)).rejected == 10
    place.clock.pass_by(STALE_AFTER * 10)
    _sweep(place)
    assert len(place.rejected()) == 10
