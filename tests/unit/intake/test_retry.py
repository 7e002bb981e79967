"""Refused lines tried again: accepted ones leave the rejections with the commit that makes them count."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from dayfile.errors import NotFound, Transient
from dayfile.intake import retry
from dayfile.intake.body import BLOCK_BYTES
from dayfile.intake.pipeline import Intake
from dayfile.model.account import Account, AccountSid
from dayfile.model.resource import CALLS, MESSAGES
from tests.support.intake import Place, a_delivery
from tests.support.records import Sent
from tests.support.state import a_sid, an_account
from tests.support.steps import SteppingDatabase, Steps

DAY = "2026-11-01"
LATER = AccountSid(a_sid("AC", "later"))


def _message(name: str, account: str = LATER) -> Sent:
    return Sent(account=account, name=name, created=f"{DAY}T10:00:00Z", updated=f"{DAY}T10:00:00Z", body=name)


def _ids(place: Place) -> list[int]:
    with place.database.snapshot() as tx:
        return [one.id for one in tx.rejections.listed(limit=1000)]


def test_what_waited_for_an_account_is_taken_in_when_it_appears(place: Place, intake: Intake, acme: Account) -> None:
    """The order of setting up accounts and sending records must not matter in the end."""
    intake.accept(a_delivery([_message("a"), _message("b"), _message("own", acme.sid)]))
    intake.accept(a_delivery(b"nonsense\n"))
    an_account(place.database, "later")
    assert intake.retry_of_account(LATER) == retry.Retried(accepted=2, rejected=0)
    assert [json.loads(line)["body"] for line in place.waiting()[DAY]] == ["own", "a", "b"]
    assert [line for _, _, line in place.rejected()] == [b"nonsense"]
    assert intake.retry_of_account(LATER) == retry.Retried(accepted=0, rejected=0)


def test_lines_of_one_batch_keep_their_order_though_their_account_is_made_meanwhile(
    place: Place, intake: Intake, acme: Account
) -> None:
    """The newest version wins, and of equal ones the last: a line must not be overtaken by one that came after it."""

    def blocks() -> Iterator[bytes | Sent]:
        yield _message("first")
        for number in range(2):  # a block is full: what comes next is read after it
            yield _message(f"own {number}" + "x" * (BLOCK_BYTES // 2), acme.sid)
        an_account(place.database, "later")
        yield _message("second")

    receipt = intake.accept(a_delivery(blocks()))
    assert (receipt.accepted, receipt.rejected) == (2, 2)
    assert intake.accept(a_delivery([_message("of another batch")])).accepted == 1
    assert intake.retry_of_account(LATER) == retry.Retried(accepted=2, rejected=0)
    bodies = [json.loads(line)["body"] for line in place.waiting()[DAY]]
    assert [body for body in bodies if not body.startswith("own")] == ["of another batch", "first", "second"]


def test_more_than_a_page_is_tried(place: Place, intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform may have sent for days before somebody noticed; and one turn is never longer than a page."""
    monkeypatch.setattr(retry, "_AT_ONCE", 3)
    intake.accept(a_delivery([_message(f"{n}") for n in range(10)]))
    an_account(place.database, "later")
    tried = [intake.retry_of_account(LATER) for _ in range(5)]
    assert [one.accepted for one in tried] == [3, 3, 3, 1, 0]
    assert [json.loads(line)["body"] for line in place.waiting()[DAY]] == [f"{n}" for n in range(10)]


def test_a_line_is_retried_without_its_byte_order_mark(place: Place, intake: Intake, acme: Account) -> None:
    """It may be the first of a file in the middle of others, and nothing else can take the mark off a kept line."""
    body = _message("a", acme.sid).line() + b"\n\xef\xbb\xbf" + _message("b", acme.sid).line()
    assert intake.accept(a_delivery(body)).rejected == 1
    assert intake.retry(_ids(place)) == retry.Retried(accepted=1, rejected=0)
    assert [json.loads(line)["body"] for line in place.waiting()[DAY]] == ["a", "b"]


def test_what_is_refused_again_stays_as_it_was(place: Place, intake: Intake, acme: Account) -> None:
    """Trying again is harmless: it can be done as often as one likes, to all of them."""
    intake.accept(a_delivery(b"nonsense\n" + _message("a").line()))
    before = place.rejected()
    assert intake.retry(_ids(place)) == retry.Retried(accepted=0, rejected=2)
    assert place.rejected() == before
    an_account(place.database, "later")
    assert intake.retry(_ids(place)) == retry.Retried(accepted=1, rejected=1)
    assert place.rejected() == before[:1]


def test_each_is_tried_as_what_it_was_sent_as(place: Place, intake: Intake) -> None:
    """Rejections of several resource types lie side by side."""
    call = {
        "sid": a_sid("CA", "call"),
        "account_sid": LATER,
        "date_created": f"{DAY}T10:00:00Z",
        "date_updated": f"{DAY}T10:00:00Z",
    }
    intake.accept(a_delivery(json.dumps(call).encode(), resource_type=CALLS))
    intake.accept(a_delivery([_message("a")]))
    an_account(place.database, "later")
    assert intake.retry(_ids(place)) == retry.Retried(accepted=2, rejected=0)
    assert (len(place.waiting(MESSAGES)[DAY]), len(place.waiting(CALLS)[DAY])) == (1, 1)


def test_a_rejection_that_is_not_there_is_named(intake: Intake) -> None:
    """A number mistyped by the operator must not look like a success."""
    with pytest.raises(NotFound, match="4711"):
        intake.retry([4711])


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_try_that_fails_loses_nothing(place: Place, at: int) -> None:
    """The line is in the rejections or among the records, whichever step fails; never nowhere."""
    with place.process() as intake:
        intake.accept(a_delivery([_message("a")]))
    an_account(place.database, "later")
    steps = Steps(at=at, recovers=True)
    with place.process(database=SteppingDatabase.of(place.database, steps)) as intake, pytest.raises(Transient):
        intake.retry_of_account(LATER)
    kept, waiting = len(place.rejected()), len(place.waiting().get(DAY, []))
    assert (kept, waiting) == ((0, 1) if at == 3 else (1, 0))
