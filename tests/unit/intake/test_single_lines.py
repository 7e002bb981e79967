"""Single records that are read together: their senders cannot tell, whatever is among them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from dayfile.errors import DatabaseUnavailable
from dayfile.intake.body import Compression
from dayfile.intake.pipeline import IncomingBatch, Intake
from dayfile.model.account import Account
from dayfile.model.receipt import Receipt
from dayfile.model.resource import CALLS
from tests.support.intake import OPERATOR, Place, a_delivery, caller_of
from tests.support.records import Sent, body_of
from tests.support.state import an_account
from tests.support.steps import SteppingDatabase, Steps

DAY = "2026-11-01"


def _body(account: Account, name: str, *, body: str = "hello") -> bytes:
    sent = Sent(account=account.sid, name=name, created=f"{DAY}T10:00:00Z", updated=f"{DAY}T10:00:00Z", body=body)
    return body_of([sent])


def _in_memory(body: bytes, **others: object) -> IncomingBatch:
    """A small body as the API has it."""
    return replace(a_delivery(b"", **others), blocks=[body])  # type: ignore[arg-type]


def _told(intake: Intake, batches: Sequence[IncomingBatch]) -> list[tuple[int, int] | type[Exception]]:
    """Return the receipt or refusal of each sender, if all come at once."""
    return [_outcome(answer.result) for answer in intake.submit_all(batches)]


def _outcome(receipt: object) -> tuple[int, int] | type[Exception]:
    try:
        found: Receipt = receipt()  # type: ignore[operator]
    except Exception as error:  # noqa: BLE001 - it is compared
        return type(error)
    return found.accepted, found.rejected


def test_records_that_come_at_once_are_one_segment_with_a_receipt_each(
    place: Place, intake: Intake, acme: Account
) -> None:
    """Each sender has proof of its own, and the day does not fall into as many pieces as there were requests."""
    answers = intake.submit_all([_in_memory(_body(acme, f"{n}", body=f"{n}")) for n in range(20)])
    receipts = [answer.result() for answer in answers]
    assert {(receipt.accepted, receipt.rejected) for receipt in receipts} == {(1, 0)}
    assert len({receipt.sid for receipt in receipts}) == 20
    assert [json.loads(line)["body"] for line in place.waiting()[DAY]] == [f"{n}" for n in range(20)]
    assert len(place.segments(DAY)) == 1


def test_together_or_one_by_one_is_the_same_to_everybody(tmp_path: Path) -> None:
    """A line among others must change nothing: not for them, and not for itself."""
    outcomes = []
    for way in ("together", "apart"):
        (tmp_path / way).mkdir()
        place = Place(tmp_path / way)
        acme = an_account(place.database)
        with place.process(accounts_may_write=True, max_body_bytes=2000) as intake:
            batches = _of_every_kind(acme)
            told = _told(intake, batches) if way == "together" else [t for one in batches for t in _told(intake, [one])]
        rejected = sorted((number, line) for _, number, line in place.rejected())
        outcomes.append((told, sorted(place.waiting()[DAY]), rejected, len(place.waiting(CALLS))))
        place.database.close()
    assert outcomes[0] == outcomes[1]
    assert {(1, 0), (0, 1), (2, 0), (0, 0)} < set(outcomes[0][0])


def _of_every_kind(acme: Account) -> list[IncomingBatch]:
    """Bodies that are a good line, and all that may be taken for one."""
    good = [_in_memory(_body(acme, f"{n}")) for n in range(12)]
    of_customer = [_in_memory(_body(acme, f"own {n}"), caller=caller_of(acme)) for n in range(3)]
    return [
        *good,
        *of_customer,
        _in_memory(_body(acme, "no newline").rstrip(b"\n")),
        _in_memory(_body(acme, "returns").replace(b"\n", b"\r\n")),
        _in_memory(_body(acme, "two") + _body(acme, "of them")),
        _in_memory(b"[" + _body(acme, "an array").strip() + b"]"),
        _in_memory(b"\n\n" + _body(acme, "after nothing")),
        _in_memory(b"\xef\xbb\xbf" + _body(acme, "marked")),
        _in_memory(b""),
        _in_memory(b'{"sid":"SM1"}\n'),
        _in_memory(b"{\\rtf1}"),
        _in_memory(b'{"a":1}}{{"b":2}\n'),
        _in_memory(_body(acme, "twice").replace(b'{"sid"', b'{"sid":"x","sid"')),
        _in_memory(_body(acme, "large", body="x" * 3000)),
        _in_memory(gzip.compress(_body(acme, "compressed")), compression=Compression.GZIP),
        _in_memory(_body(acme, "keyed"), key="k"),
        _in_memory(_body(acme, "of another type"), resource_type=CALLS),
        _in_memory(_body(acme, "nobody's").replace(acme.sid.encode(), b"AC" + b"9" * 32)),
    ]


@pytest.mark.parametrize("at", [1, 2])
def test_nobody_is_told_that_a_record_is_kept_when_it_is_not(place: Place, acme: Account, at: int) -> None:
    """A commit that fails has failed for all who shared it; they send again, and nothing is lost."""
    steps = Steps(at=at, recovers=True)
    with place.process(database=SteppingDatabase.of(place.database, steps)) as intake:
        told = _told(intake, [_in_memory(_body(acme, f"{n}")) for n in range(20)])
    kept = len(place.waiting().get(DAY, []))
    assert set(told) == {DatabaseUnavailable} or (set(told) == {(1, 0)} and kept == 20)
    assert kept in {0, 20}


def test_a_sender_who_may_not_write_takes_nobody_along(place: Place, intake: Intake, acme: Account) -> None:
    """One with a customer's key is refused, where customers may not write; the platform is not."""
    bodies = [_in_memory(_body(acme, f"{n}"), caller=caller_of(acme) if n % 2 else OPERATOR) for n in range(10)]
    told = _told(intake, bodies)
    assert told[::2] == [(1, 0)] * 5
    assert all(isinstance(one, type) for one in told[1::2])
    assert len(place.waiting()[DAY]) == 5
