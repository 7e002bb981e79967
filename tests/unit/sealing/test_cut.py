"""The cuts of a day, and what a piece copies of its segments."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.files import segment_copy, segments
from dayfile.files.workplace import Workplace
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.line_codec import encode_lines
from dayfile.model.resource import MESSAGES
from dayfile.sealing.cut import _borders, cut
from dayfile.sealing.piece import Piece, SegmentInput, seal_piece
from tests.support.memory_storage import MemoryStorage
from tests.support.record_lines import a_record
from tests.support.state import a_sid

AT = "2026-11-01T10:00:00Z"
BODY = "".join(a_sid("", str(number)) for number in range(1000))  # a block has some thirty of them
ACCOUNTS = sorted(AccountSid(a_sid("AC", name)) for name in ("one", "two", "three", "four", "giant"))
GIANT = ACCOUNTS[2]


def _stored(storage: MemoryStorage, number: int) -> SegmentInput:
    """A segment with blocks of several accounts each, and some of the giant alone."""
    lines = [
        a_record(MESSAGES, sid=a_sid("SM", f"{account} {one}"), account_sid=account, date_created=AT, date_updated=AT)
        | {"body": f"{number} {BODY}"}
        for account in ACCOUNTS
        for one in range(100 if account == GIANT else 15)
    ]
    text = encode_lines(lines)
    key = f"segments/{number}.parquet"
    data = segments.encode(text, MESSAGES)
    storage.put(key, [data])
    return SegmentInput(id=number, key=key, checksum=segments.checksum(data), records=len(lines), plain_bytes=len(text))


@pytest.fixture(scope="module")
def day() -> tuple[MemoryStorage, Piece]:
    """A storage that is far away, and the whole of a day in it, of two segments."""
    storage = MemoryStorage()
    return storage, Piece(
        resource_type=MESSAGES,
        day=Day.parse(AT[:10]),
        segments=tuple(_stored(storage, number) for number in (1, 2)),
        formers=(),
        first_account=None,
        last_account=None,
        unique="whole",
        pack_below=0,
    )


class Counting(MemoryStorage):
    """The same storage, which counts the bytes that are read."""

    def __init__(self, storage: MemoryStorage) -> None:
        self.__dict__.update(storage.__dict__)
        self.read_bytes = 0

    def read(self, key: str, *, start: int = 0, stop: int | None = None):  # type: ignore[no-untyped-def] # noqa: ANN201
        for block in super().read(key, start=start, stop=stop):
            self.read_bytes += len(block)
            yield block


def test_a_day_is_cut_by_what_footers_say_and_a_giant_account_is_one_piece(day: tuple[MemoryStorage, Piece]) -> None:
    """Reading the day to find out where to cut it would cost as much as sealing it."""
    storage, piece = Counting(day[0]), day[1]
    pieces = cut(piece, storage, cut_bytes=2_000_000)
    assert 2 <= len(pieces) <= 4
    ranges = [(one.first_account, one.last_account) for one in pieces]
    assert ranges[0][0] is None
    assert ranges[-1][1] is None
    for (_, last), (first, _) in pairwise(ranges):
        assert first is not None
        assert last is not None
        assert int(first.removeprefix("AC"), 16) == int(last.removeprefix("AC"), 16) + 1, (
            "every account is in one of them"
        )
    assert sum((first or "") <= GIANT <= (last or "AD") for first, last in ranges) == 1
    assert storage.read_bytes < 1_500_000, "only footers are read"
    assert cut(piece, storage, cut_bytes=100_000_000) == [piece]


def test_pieces_copy_what_is_theirs_and_give_the_texts_of_the_whole(
    day: tuple[MemoryStorage, Piece], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every machine would fetch the whole day otherwise; the copies have holes where blocks of others are."""
    monkeypatch.setattr(segment_copy, "WHOLE_BELOW", 0)
    stored, whole = day
    texts: list[dict[AccountSid, str]] = []
    read_bytes = []
    for pieces in ([whole], cut(whole, stored, cut_bytes=2_000_000)):
        texts.append({})
        storage = Counting(stored)
        here = Workplace(storage=storage, scratch=tmp_path, memory_bytes=1 << 27, threads=1)
        for number, piece in enumerate(pieces):
            unique = f"{len(pieces)}p{number}"
            texts[-1] |= {one.account: one.plain_sha256 for one in seal_piece(replace(piece, unique=unique), at=here)}
        read_bytes.append(storage.read_bytes)
    assert texts[0] == texts[1]
    assert sorted(texts[0]) == ACCOUNTS
    assert read_bytes[1] < 2 * read_bytes[0], "not once for each piece"


@given(
    amounts=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 50)), max_size=40),
    cut_bytes=st.integers(1, 200),
)
def test_borders_rise_and_cut_no_account(amounts: list[tuple[int, int]], cut_bytes: int) -> None:
    """Two pieces with lines of one account would make two files of it."""
    rising = sorted((f"{account:032x}", amount) for account, amount in amounts)
    borders = list(_borders(rising, cut_bytes=cut_bytes))
    assert borders == sorted(set(borders))
    assert set(borders) <= {account for account, _ in rising}
    for first, beyond in zip(["", *borders], [*borders, "g"], strict=True):
        within = [(account, amount) for account, amount in rising if first <= account < beyond]
        accounts = {account for account, _ in within}
        assert len(accounts) <= 1 or sum(amount for _, amount in within[:-1]) <= cut_bytes + max(
            sum(amount for other, amount in within if other == account) for account in accounts
        )
