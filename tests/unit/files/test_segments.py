"""Segments: what goes in comes out, and what has changed meanwhile is noticed."""

import io
import sys
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.errors import Corrupt
from dayfile.files import segments
from dayfile.files.blocks import places
from dayfile.model.record import RecordReader
from dayfile.model.resource import MESSAGES
from tests.support.records import Sent
from tests.support.state import a_sid

MOMENT = "2026-10-01T10:00:00Z"


def lines(count: int, *, body: str = "x") -> list[bytes]:
    """Canonical lines of as many records of three accounts."""
    reader = RecordReader(MESSAGES, now=datetime(2026, 10, 2, tzinfo=UTC))
    sent = (
        Sent(account=a_sid("AC", str(number % 3)), name=str(number), created=MOMENT, updated=MOMENT, body=body)
        for number in range(count)
    )
    return [reader.parse(one.line()).line for one in sent]


SEGMENT = segments.encode(b"".join(lines(50)), MESSAGES)
BLOCKS = places(pq.read_metadata(io.BytesIO(SEGMENT)))


def test_lines_come_back_in_order_of_arrival() -> None:
    """They stand in the order of the day file, and in several blocks; what arrived when is not lost by that."""
    sent = lines(12, body="x" * 600_000)
    segment = segments.encode(b"".join(sent), MESSAGES)
    assert len(places(pq.read_metadata(io.BytesIO(segment)))) > 1
    assert segments.decode(segment) == sent


@given(at=st.integers(BLOCKS[0].start, BLOCKS[-1].stop - 1), bit=st.integers(0, 7))
def test_a_bit_that_has_changed_in_the_lines_is_noticed(at: int, bit: int) -> None:
    """A record that says something else than was accepted would be sealed, hashed and believed for ever."""
    damaged = bytearray(SEGMENT)
    damaged[at] ^= 1 << bit
    with pytest.raises(Corrupt, match="have changed"):
        segments.decode(bytes(damaged))


@given(size=st.integers(0, len(SEGMENT) - 1))
def test_a_segment_that_is_cut_off_is_noticed(size: int) -> None:
    """A copy that broke off must not pass for a day with fewer records."""
    with pytest.raises(Corrupt):
        segments.decode(SEGMENT[:size])


def test_a_parquet_file_without_lines_is_no_segment() -> None:
    """The error says what is wrong, whatever lies under the key of a segment."""
    file = io.BytesIO()
    pq.write_table(pa.table({"arrival": [0, 1]}), file)
    with pytest.raises(Corrupt, match="does not say where its blocks are"):
        segments.decode(file.getvalue())


def test_making_a_segment_looks_for_no_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrow looks for pandas on the disk each time it is given what might be an array of it, and never finds it."""
    sought: list[str] = []

    class Finder:
        @staticmethod
        def find_spec(name: str, *_: object) -> None:
            sought.append(name)

    sent = b"".join(lines(12))
    segments.encode(sent, MESSAGES)  # what is needed is imported by then
    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    segments.encode(sent, MESSAGES)
    assert not sought
