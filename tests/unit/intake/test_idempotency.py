"""Requests that come again: one batch, one receipt, however often and wherever it is sent."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator

import pytest

from dayfile.errors import Conflict, InFlight, InvalidBody
from dayfile.intake.body import Compression
from dayfile.intake.pipeline import Intake
from dayfile.model.account import Account
from dayfile.model.credential import Caller, Scope
from dayfile.model.resource import CALLS
from tests.support.intake import Place, a_delivery
from tests.support.records import Sent, body_of

DAY = "2026-11-01"


@pytest.fixture
def body(acme: Account) -> bytes:
    """A batch of two records and a bad line."""
    sent = [Sent(account=acme.sid, name=f"{n}", created=f"{DAY}T10:00:00Z", updated=f"{DAY}T10:00:00Z") for n in "ab"]
    return body_of(sent) + b"bad\n"


def test_the_same_request_gets_the_same_receipt_and_is_taken_once(place: Place, intake: Intake, body: bytes) -> None:
    """A sender that did not hear the answer asks again, and must not have to know whether it was heard."""
    first = intake.accept(a_delivery(body, key="k"))
    again = intake.accept(a_delivery(body, key="k"))
    assert again == first
    assert (len(place.waiting()[DAY]), len(place.rejected())) == (2, 1)


def test_a_receipt_is_known_after_a_restart(place: Place, body: bytes) -> None:
    """The first server may have died between its commit and its answer."""
    with place.process() as intake:
        first = intake.accept(a_delivery(body, key="k"))
    with place.process() as intake:
        assert intake.accept(a_delivery(body, key="k")) == first


def test_compressing_a_body_again_makes_no_other_body(intake: Intake, body: bytes) -> None:
    """Gzip writes the time into its header: a sender's second try has other bytes and the same records."""
    first = intake.accept(a_delivery(body, key="k"))
    for time in (1, 2):
        packed = gzip.compress(body, mtime=time)
        assert intake.accept(a_delivery(packed, compression=Compression.GZIP, key="k")) == first


def test_another_body_under_the_same_key_is_refused(place: Place, intake: Intake, body: bytes) -> None:
    """A sender that numbers its batches wrongly must hear of it: one of the two would be lost otherwise."""
    intake.accept(a_delivery(body, key="k"))
    with pytest.raises(Conflict, match="another body"):
        intake.submit(a_delivery(body + b"more\n", key="k"))
    with pytest.raises(Conflict, match="another body"):
        intake.submit(a_delivery(body, key="k", resource_type=CALLS))
    assert len(place.waiting()[DAY]) == 2


def test_keys_belong_to_the_credential_that_uses_them(place: Place, intake: Intake, body: bytes) -> None:
    """Two platforms may both count from 1."""
    other = Caller(credential="SK" + "9" * 32, account=None, scopes=frozenset({Scope.INTAKE}), permissions=frozenset())
    first = intake.accept(a_delivery(body, key="1"))
    assert intake.accept(a_delivery(body, key="1", caller=other)).sid != first.sid


def test_without_a_key_a_repeated_batch_is_another_batch(place: Place, intake: Intake, body: bytes) -> None:
    """Lines that come twice change no export, so a key is a comfort and no duty."""
    first, second = (intake.accept(a_delivery(body)) for _ in range(2))
    assert first.sid != second.sid
    assert len(place.waiting()[DAY]) == 4


def test_a_request_that_failed_may_be_sent_again_under_its_key(intake: Intake, body: bytes) -> None:
    """A body that was not taken in has no receipt: its key stands for nothing yet."""
    with pytest.raises(InvalidBody):
        intake.submit(a_delivery(gzip.compress(body)[:-4], compression=Compression.GZIP, key="k"))
    assert intake.accept(a_delivery(body, key="k")).accepted == 2


def test_a_request_that_is_being_worked_on_is_not_begun_twice(intake: Intake, body: bytes) -> None:
    """The second of two at once is told to wait: neither answer could be given yet."""

    def blocks() -> Iterator[bytes]:
        with pytest.raises(InFlight) as busy:
            intake.submit(a_delivery(body, key="k"))
        assert busy.value.retry_after >= 1
        yield body

    first = intake.accept(a_delivery(blocks(), key="k"))
    assert intake.accept(a_delivery(body, key="k")) == first


def test_two_processes_with_the_same_request_give_one_receipt(place: Place, body: bytes) -> None:
    """A load balancer sends the second try elsewhere: the commits meet in the database, and the first one holds."""
    both_reading = threading.Barrier(2, timeout=30)

    def blocks() -> Iterator[bytes]:
        both_reading.wait()  # by now both have found that there is no receipt
        yield body

    with place.process() as one, place.process() as two:
        receipts = []
        threads = [
            threading.Thread(target=lambda i=intake: receipts.append(i.accept(a_delivery(blocks(), key="k"))))
            for intake in (one, two)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(receipts) == 2
    assert receipts[0] == receipts[1]
    assert (len(place.waiting()[DAY]), len(place.rejected())) == (2, 1)


def test_two_processes_with_other_bodies_under_one_key_refuse_the_second(place: Place, body: bytes) -> None:
    """As with one process: of two batches under one key, one is taken and the other one is told."""
    both_reading = threading.Barrier(2, timeout=30)

    def blocks(text: bytes) -> Iterator[bytes]:
        both_reading.wait()
        yield text

    answers: list[object] = []

    def send(intake: Intake, text: bytes) -> None:
        try:
            answers.append(intake.accept(a_delivery(blocks(text), key="k")))
        except Conflict as error:
            answers.append(error)

    with place.process() as one, place.process() as two:
        threads = [
            threading.Thread(target=send, args=(one, body)),
            threading.Thread(target=send, args=(two, body.replace(b"bad", b"worse"))),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(type(answer).__name__ for answer in answers) == ["Conflict", "Receipt"]
    assert len(place.waiting()[DAY]) == 2
