"""The text of the day files, as blocks of segments are dealt into buckets and buckets are poured out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from dayfile.files import blocks, segments
from dayfile.model.account import AccountSid
from dayfile.model.record import RecordReader
from dayfile.model.resource import MESSAGES
from dayfile.sealing import dedupe, ordered_lines
from dayfile.sealing.dedupe import Accounts, Waiting, newest_lines
from dayfile.sealing.ordered_lines import ordered_text
from tests.support import records
from tests.support.records import Sent
from tests.support.state import a_sid

READER = RecordReader(MESSAGES, now=datetime(2026, 11, 2, tzinfo=UTC))
ACCOUNTS = sorted(AccountSid(a_sid("AC", name)) for name in ("acme", "birch", "cedar"))
EVERYBODY = Accounts(first=None, last=None)
RANDOMS = st.randoms(use_true_random=True)  # thousands of choices of one seed
BOUNDS = st.sampled_from([None, *ACCOUNTS])
MEMORY = 1_000_000_000
UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)  # a smaller seed is no simpler case


def versions(random: Any, *, messages: int) -> list[Sent]:
    """Some versions of each message in any order; more of the messages than DuckDB hands over at once."""
    sent = []
    for number in range(messages):
        account = random.choices(ACCOUNTS, weights=(30, 10, 1))[0]
        created = f"2026-11-01T{random.randrange(24):02}:{random.randrange(60):02}:{random.randrange(60):02}Z"
        for _ in range(random.randint(1, 3)):
            updated = f"2026-11-01T23:59:{random.randrange(60):02}Z"
            body = "x" * random.choice((0, 10, 700))
            sent.append(Sent(account=account, name=str(number), created=created, updated=updated, body=body))
    random.shuffle(sent)
    return sent


def line_of(sent: Sent) -> bytes:
    """Its line as it is kept."""
    return READER.parse(sent.line()).line


def text_of(arrivals: Iterable[Sent]) -> bytes:
    """Return the text that the day files must have, one after the other."""
    newest_versions = records.newest(arrivals).values()
    return b"".join(map(line_of, sorted(newest_versions, key=lambda one: (one.account, one.created, one.sid))))


@contextmanager
def small_parts(*, bucket_bytes: int, block_bytes: int, ranked_lines: int) -> Iterator[None]:
    """As if there were very much text: thousands of lines take hundreds of blocks and buckets, and a few batches."""
    with (
        patch.object(ordered_lines, "_BUCKET_BYTES", bucket_bytes),
        patch.object(blocks, "_BLOCK_BYTES", block_bytes),
        patch.object(dedupe, "_LINES_TOGETHER", 4),
        patch.object(dedupe, "_ROWS_AT_ONCE", 2048),
        patch.object(dedupe, "_SORTED_LINES", 500),
        patch.object(dedupe, "_at_once", lambda _: ranked_lines),
    ):
        yield


def made(arrivals: Sequence[Sent], *, accounts: Accounts, held_bytes: int, segment_lines: int) -> bytes:
    """The text that is made of versions in segments of so many, while so much of it may be held."""
    with TemporaryDirectory() as name, ThreadPoolExecutor(2) as pool:
        folder = Path(name)
        waiting = []
        for start in range(0, len(arrivals), segment_lines):
            path = folder / f"segment-{start}"
            path.write_bytes(segments.encode(b"".join(map(line_of, arrivals[start : start + segment_lines])), MESSAGES))
            waiting.append(Waiting(id=start + 1, path=path))
        with newest_lines(
            waiting, MESSAGES, accounts=accounts, scratch=folder, memory_bytes=MEMORY, threads=2
        ) as found:
            paths = [one.path for one in waiting]
            text = ordered_text(found, paths, scratch=folder, memory_bytes=held_bytes, pool=pool)
            with closing(text):
                return b"".join(text)


@settings(max_examples=6, phases=UNSHRUNK)
@given(
    random=RANDOMS,
    bucket_bytes=st.sampled_from([2_000, 20_000, 1_000_000]),
    block_bytes=st.sampled_from([2_000, 20_000, 1_000_000]),
    held_bytes=st.sampled_from([0, 100_000, MEMORY]),
    ranked_lines=st.sampled_from([500, 2_000, MEMORY]),
)
def test_every_newest_line_is_there_once_and_in_its_place(
    *, random: Any, bucket_bytes: int, block_bytes: int, held_bytes: int, ranked_lines: int
) -> None:
    """However the lines are spread over segments and blocks, and whether or not all of what waits can be held.

    They are ranked all at once, or the lines of each account by themselves, if memory is for so few.
    """
    arrivals = versions(random, messages=2_200)
    with small_parts(bucket_bytes=bucket_bytes, block_bytes=block_bytes, ranked_lines=ranked_lines):
        text = made(arrivals, accounts=EVERYBODY, held_bytes=held_bytes, segment_lines=700)
    assert text == text_of(arrivals)


@settings(max_examples=16, phases=UNSHRUNK)
@given(random=RANDOMS, first=BOUNDS, last=BOUNDS)
def test_only_accounts_within_the_bounds_take_part(
    random: Any, first: AccountSid | None, last: AccountSid | None
) -> None:
    """Pieces of one day share its segments: a line must be in one of them, and in no other."""
    arrivals = versions(random, messages=100)
    text = made(arrivals, accounts=Accounts(first=first, last=last), held_bytes=MEMORY, segment_lines=40)
    within = [
        one for one in arrivals if (first is None or one.account >= first) and (last is None or one.account <= last)
    ]
    assert text == text_of(within)
