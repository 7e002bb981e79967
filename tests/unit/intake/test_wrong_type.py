"""Batches of records that are of another resource type, which are refused as a whole."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest

from dayfile.errors import InvalidBody
from dayfile.intake import rejections
from dayfile.intake.file import FileIntake
from dayfile.intake.pipeline import Intake
from dayfile.model.account import Account
from dayfile.model.resource import CALLS, CONFERENCES, MESSAGES, PARTICIPANTS, RESOURCE_TYPES, ResourceType
from tests.support.intake import Place, a_delivery
from tests.support.state import a_sid

AT = "2026-11-01T10:00:00Z"


def _line(resource_type: ResourceType, account: Account, number: int, **members: object) -> bytes:
    keys = {key.name: a_sid(key.prefixes[0], f"{number}") for key in resource_type.key_fields}
    times = {"date_created": AT, "date_updated": AT}
    return json.dumps(keys | {"account_sid": account.sid} | times | members).encode() + b"\n"


def _lines(resource_type: ResourceType, account: Account, count: int) -> bytes:
    return b"".join(_line(resource_type, account, number) for number in range(count))


@pytest.mark.parametrize("sent", RESOURCE_TYPES, ids=str)
@pytest.mark.parametrize("sent_as", RESOURCE_TYPES, ids=str)
def test_a_hundred_lines_of_another_type_are_no_batch(
    place: Place, intake: Intake, acme: Account, *, sent: ResourceType, sent_as: ResourceType
) -> None:
    """The wrong word in an address is one mistake, not a hundred rejections; and the message says the right word."""
    delivery = a_delivery(_lines(sent, acme, 100), resource_type=sent_as)
    if sent is sent_as:
        assert intake.accept(delivery).accepted == 100
        return
    with pytest.raises(InvalidBody, match=f"all 100 lines have sids of {sent}, not {sent_as}: .* send them as {sent}"):
        intake.accept(delivery)
    assert (place.waiting(sent_as), place.rejected(), place.unaccounted()) == ({}, [], [])


def test_the_first_thousand_lines_tell_for_a_batch(place: Place, intake: Intake, acme: Account) -> None:
    """The lines after them are not read: a file of a hundred thousand is refused at once, and nothing of it is kept."""
    read = 0

    def blocks() -> Iterator[bytes]:
        nonlocal read
        for number in range(100_000):
            read += 1
            yield _line(MESSAGES, acme, number, body="x" * 2000)

    with pytest.raises(InvalidBody, match="the first 1,000 lines have sids of Messages, not Calls"):
        intake.accept(a_delivery(blocks(), resource_type=CALLS))
    assert read < 3000
    with place.database.snapshot() as tx:
        assert tx._connection.exec_driver_sql("SELECT count(*) FROM rejection").scalar_one() == 0
    mixed = _lines(MESSAGES, acme, 60) + _lines(CONFERENCES, acme, 60)
    with pytest.raises(InvalidBody, match="have sids of Conferences and Messages, not Calls"):
        intake.accept(a_delivery(mixed, resource_type=CALLS))


@pytest.mark.parametrize("other", ["a record", "a stranger's record", "no record", "no sid"])
@pytest.mark.parametrize("at", [0, 50, 150, 1200])
def test_one_line_that_is_not_of_another_type_makes_it_a_batch(
    place: Place, intake: Intake, acme: Account, *, other: str, at: int
) -> None:
    """A bad line never spoils its batch: only where nothing else speaks for the type, the address is wrong."""
    line = {
        "a record": _line(CALLS, acme, 0),
        "a stranger's record": _line(CALLS, acme, 0).replace(acme.sid.encode(), a_sid("AC", "nobody").encode()),
        "no record": b"nonsense\n",
        "no sid": _line(CALLS, acme, 0, sid=None),
    }[other]
    sent = [_line(MESSAGES, acme, number) for number in range(1300)]
    delivery = a_delivery([*sent[:at], line, *sent[at:]], resource_type=CALLS)
    if at > 1000:
        with pytest.raises(InvalidBody, match="the first 1,000"):
            intake.accept(delivery)
        return
    receipt = intake.accept(delivery)
    assert (receipt.accepted, receipt.rejected) == ((1, 1300) if other == "a record" else (0, 1301))
    assert len(place.rejected()) == receipt.rejected


def test_few_lines_of_another_type_are_kept_as_rejections(place: Place, intake: Intake, acme: Account) -> None:
    """Below a hundred they may be stragglers in a log of everything; each says where it belongs."""
    receipt = intake.accept(a_delivery(_lines(PARTICIPANTS, acme, 99), resource_type=CALLS))
    assert receipt.rejected == len(place.rejected()) == 99
    assert "conference_sid and call_sid stand for Participants: send it as one of them" in receipt.refusals[0].reason
    receipt = intake.accept(a_delivery(_lines(CALLS, acme, 1), resource_type=PARTICIPANTS))
    assert "CA stands for Calls: send it as one of them" in receipt.refusals[0].reason


def test_a_file_is_judged_by_its_beginning_only(place: Place, intake: Intake, acme: Account) -> None:
    """Its parts are batches of our making: what is refused in the middle must not stand before the rest of a file."""
    good, wrong = _lines(CALLS, acme, 20), _lines(MESSAGES, acme, 200)
    run = FileIntake(intake, chunk_bytes=1000).run
    with pytest.raises(InvalidBody, match="have sids of Messages, not Calls"):
        FileIntake(intake, chunk_bytes=100_000).run(io.BytesIO(wrong), CALLS, source="wrong")
    assert place.rejected() == []
    receipt = run(io.BytesIO(good + wrong + good), CALLS, source="mixed")
    assert (receipt.accepted, receipt.rejected) == (40, 200)


def test_a_refused_batch_gives_its_idempotency_key_back(intake: Intake, acme: Account) -> None:
    """The sender puts the address right and sends the same again."""
    body = _lines(MESSAGES, acme, 100)
    with pytest.raises(InvalidBody):
        intake.accept(a_delivery(body, resource_type=CALLS, key="once"))
    assert intake.accept(a_delivery(body, key="once")).accepted == 100


def test_kept_lines_are_retried_whatever_their_type(
    place: Place, intake: Intake, acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are no batch that anybody sent."""
    monkeypatch.setattr(rejections, "FEW_REFUSALS", 10)
    for start in range(0, 300, 60):
        lines = b"".join(_line(MESSAGES, acme, number) for number in range(start, start + 60))
        assert intake.accept(a_delivery(lines, resource_type=CALLS)).rejected == 60
    with place.database.snapshot() as tx:
        ids = [one.id for one in tx.rejections.listed(limit=1000)]
    assert intake.retry(ids).rejected == 300
