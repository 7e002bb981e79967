"""Batches whose lines are no JSON objects at all, which are refused as a whole."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from itertools import cycle, islice

import pytest

from dayfile.errors import InvalidBody
from dayfile.intake.file import FileIntake
from dayfile.intake.pipeline import Intake
from dayfile.model.account import Account
from dayfile.model.resource import MESSAGES
from tests.support.intake import Place, a_delivery
from tests.support.state import a_sid

AT = "2026-11-01T10:00:00Z"
MISTAKES = {
    "a number": b"1",
    "null": b"null",
    "a text": b'"sid"',
    "CSV": b"SM0,AC0,2026-11-01",
    "CSV of numbers": b"1,2,3",
    "HTML": b"<tr><td>SM0</td></tr>",
    "a dict of Python": b"{'sid': 'SM0'}",
    "a comma after it": b'{"sid": "SM0"},',
    "a line of a printed object": b'  "sid": "SM0",',
    "not UTF-8": b"\x8b\xff\x00\xfe",
    "cut off": b'{"sid": "SM0", "body": "he',
}


def _record(acme: Account, number: int) -> bytes:
    members = {"sid": a_sid("SM", f"{number}"), "account_sid": acme.sid, "date_created": AT, "date_updated": AT}
    return json.dumps(members).encode()


@pytest.mark.parametrize("line", MISTAKES.values(), ids=MISTAKES)
def test_a_hundred_lines_that_are_no_objects_are_no_batch(place: Place, intake: Intake, line: bytes) -> None:
    """Another kind of file is one mistake, not a hundred rejections; and the message says what its first line lacks."""
    with pytest.raises(InvalidBody, match=r"all 100 lines are no JSON objects: .*; line 1 must "):
        intake.accept(a_delivery((line + b"\n") * 100))
    assert (place.waiting(MESSAGES), place.rejected(), place.unaccounted()) == ({}, [], [])


def test_an_array_of_others_is_refused_as_a_whole(place: Place, intake: Intake) -> None:
    """Its elements are its lines."""
    with pytest.raises(InvalidBody, match="all 300 lines are no JSON objects"):
        intake.accept(a_delivery(b"[" + b",".join([b"1"] * 300) + b"]"))
    assert place.rejected() == []


def test_the_first_thousand_lines_tell(place: Place, intake: Intake) -> None:
    """The lines after them are not read, and nothing was written for them: a transaction for each thousand is dear."""
    read = 0

    def blocks() -> Iterator[bytes]:
        nonlocal read
        for _ in range(1000):
            read += 1
            yield b"1\n" * 100_000

    with pytest.raises(InvalidBody) as told:
        intake.accept(a_delivery(blocks()))
    assert str(told.value) == (
        "the first 1,000 lines are no JSON objects: nothing was taken, send one JSON object on each line, or one JSON "
        "array of them; line 1 must be a JSON object"
    )
    assert read < 50
    with place.database.snapshot() as tx:
        assert tx._connection.exec_driver_sql("SELECT count(*) FROM rejection").scalar_one() == 0
    assert place.unaccounted() == []


def test_the_content_of_the_first_line_is_not_told(intake: Intake) -> None:
    """Answers end up in the logs of senders."""
    with pytest.raises(InvalidBody) as told:
        intake.accept(a_delivery(b"\n\n" + b'"secret"\n' * 100))
    assert "secret" not in str(told.value)
    assert str(told.value).endswith("line 3 must be a JSON object")


@pytest.mark.parametrize("other", ["a record", "an object", "a record of another type"])
@pytest.mark.parametrize("at", [0, 50, 150, 999])
def test_one_object_makes_it_a_batch(place: Place, intake: Intake, acme: Account, *, other: str, at: int) -> None:
    """A bad line never spoils its batch: only where nothing else is there, it is the file that is wrong."""
    line = {
        "a record": _record(acme, 0),
        "an object": b"{}",
        "a record of another type": _record(acme, 0).replace(b'"SM', b'"CA'),
    }[other]
    lines = list(islice(cycle(MISTAKES.values()), 1200))
    receipt = intake.accept(a_delivery(b"\n".join([*lines[:at], line, *lines[at:]])))
    assert (receipt.accepted, receipt.rejected) == ((1, 1200) if other == "a record" else (0, 1201))
    assert len(place.rejected()) == receipt.rejected


def test_few_lines_are_kept_as_rejections(place: Place, intake: Intake, acme: Account) -> None:
    """Below a hundred they are bad lines, as any; so they are after a thousand."""
    assert intake.accept(a_delivery(b"1\n" * 99)).rejected == len(place.rejected()) == 99
    records = b"".join(_record(acme, number) + b"\n" for number in range(10))
    receipt = intake.accept(a_delivery(b"1\n" * 500 + records))
    assert (receipt.accepted, receipt.rejected) == (10, 500)


def test_a_file_is_judged_by_its_beginning_only(place: Place, intake: Intake, acme: Account) -> None:
    """Lines that are refused in the middle must not stand before the rest of a file."""
    records = b"".join(_record(acme, number) + b"\n" for number in range(20))
    with pytest.raises(InvalidBody, match="the first 1,000 lines are no JSON objects"):
        FileIntake(intake).run(io.BytesIO(b"1,2\n" * 100_000), MESSAGES, source="calls.csv")
    assert place.rejected() == []
    receipt = FileIntake(intake, chunk_bytes=1000).run(
        io.BytesIO(records + b"1,2\n" * 2000 + records), MESSAGES, source="mixed"
    )
    assert (receipt.accepted, receipt.rejected) == (40, 2000)
