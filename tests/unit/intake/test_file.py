"""Files taken in by the operator: in chunks, in bounded memory, and again without taking anything twice."""

from __future__ import annotations

import errno
import gzip
import io
import json
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from dayfile.errors import InvalidBody, StorageUnavailable, Transient
from dayfile.files import zstd
from dayfile.files.storage import LocalStorage
from dayfile.intake.chunk_reading import ReadChunk
from dayfile.intake.file import FileIntake
from dayfile.intake.pipeline import Chunk, Intake
from dayfile.model.account import Account
from dayfile.model.receipt import LISTED_REJECTIONS, Receipt
from dayfile.model.resource import CALLS, MESSAGES
from tests.support.intake import Place
from tests.support.records import Sent, body_of
from tests.support.state import a_sid
from tests.support.steps import SteppingDatabase, SteppingStorage, Steps

DAY = "2026-11-01"
CHUNK = 1000  # five lines or so


@pytest.fixture
def sent(acme: Account) -> list[Sent]:
    """The records of a file of several chunks."""
    return [
        Sent(account=acme.sid, name=f"{n}", created=f"{DAY}T10:00:00Z", updated=f"{DAY}T10:00:00Z", body=f"{n}")
        for n in range(23)
    ]


def _bodies(place: Place) -> list[str]:
    return [json.loads(line)["body"] for line in place.waiting()[DAY]]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["", "mark"])
@pytest.mark.parametrize("form", ["rows", "gzip", "zstd", "array"])
def test_a_file_is_taken_in_whole_and_in_order(
    place: Place, intake: Intake, sent: list[Sent], *, form: str, mark: bytes
) -> None:
    """Old dumps can be brought back in as they are; Windows puts a byte order mark before UTF-8."""
    body = mark + body_of(sent)
    if form == "gzip":
        body = gzip.compress(body)
    if form == "zstd":
        body = zstd.compress(body)
    if form == "array":
        body = mark + b"[" + b",\n".join(one.line() for one in sent) + b"]"
    receipt = FileIntake(intake, chunk_bytes=CHUNK).run(io.BytesIO(body), MESSAGES, source="dump")
    assert (receipt.accepted, receipt.rejected, receipt.repeated) == (23, 0, 0)
    assert receipt.chunks > 3
    assert _bodies(place) == [f"{n}" for n in range(23)]


def test_an_empty_file_is_nothing(place: Place, intake: Intake) -> None:
    """A day without records gives an empty dump, and a script takes it in like any other."""
    receipt = FileIntake(intake).run(io.BytesIO(), MESSAGES, source="dump")
    assert (receipt.accepted, receipt.chunks) == (0, 0)


def test_a_file_taken_in_again_is_recognised(place: Place, sent: list[Sent]) -> None:
    """A script that was interrupted is simply run again, also with more lines at the end of the file."""
    with place.process() as intake:
        first = FileIntake(intake, chunk_bytes=CHUNK).run(io.BytesIO(body_of(sent[:20])), MESSAGES, source="log")
    with place.process() as intake:
        again = FileIntake(intake, chunk_bytes=CHUNK).run(io.BytesIO(body_of(sent)), MESSAGES, source="log")
        other = FileIntake(intake, chunk_bytes=CHUNK).run(io.BytesIO(body_of(sent)), CALLS, source="log")
    assert again.accepted == 23
    assert again.repeated >= first.chunks - 1
    assert other.repeated == 0
    assert sorted(set(_bodies(place)), key=int) == [f"{n}" for n in range(23)]


def test_a_file_that_fails_on_its_way_goes_on_where_it_stopped(place: Place, sent: list[Sent]) -> None:
    """Of a file of a day's length, hours may be in already when the disk is full."""
    body = body_of(sent)
    steps = Steps(at=8, recovers=True)
    database = SteppingDatabase.of(place.database, steps)
    with place.process(database=database) as intake:
        files = FileIntake(intake, chunk_bytes=CHUNK)
        with pytest.raises(Transient):
            files.run(io.BytesIO(body), MESSAGES, source="dump")
        receipt = files.run(io.BytesIO(body), MESSAGES, source="dump")
    assert receipt.accepted == 23
    assert receipt.repeated > 0
    assert _bodies(place) == [f"{n}" for n in range(23)]


def test_a_file_that_is_cut_off_is_taken_in_up_to_its_last_whole_chunk(
    place: Place, intake: Intake, sent: list[Sent]
) -> None:
    """The operator is told, and the whole file can follow: what is in already is recognised."""
    packed = gzip.compress(body_of(sent))
    files = FileIntake(intake, chunk_bytes=CHUNK)
    with pytest.raises(InvalidBody, match="cut off"):
        files.run(io.BytesIO(packed[:-9]), MESSAGES, source="dump")
    assert files.run(io.BytesIO(packed), MESSAGES, source="dump").accepted == 23
    assert _bodies(place) == [f"{n}" for n in range(23)]


class _BrokenDisk(io.BytesIO):
    """A file with a disk that fails at its end."""

    def __init__(self, content: bytes, *, on_failure: Callable[[], None]) -> None:
        super().__init__(content)
        self._on_failure = on_failure

    def read(self, size: int | None = -1) -> bytes:
        if block := super().read(size):
            return block
        self._on_failure()
        raise OSError(errno.EIO, "the disk fails on purpose")


class _WatchedIntake:
    """An intake whose receipts of chunks are known to the test."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self.find_chunk = intake.find_chunk
        self.receipts: list[Future[Receipt]] = []

    def submit_chunk(self, chunk: Chunk, *, read: ReadChunk | None, after: Future[Receipt] | None) -> Future[Receipt]:
        self.receipts.append(self._intake.submit_chunk(chunk, read=read, after=after))
        return self.receipts[-1]


def test_a_file_that_cannot_be_read_on_ends_once_the_chunk_before_is_durable(place: Place, acme: Account) -> None:
    """Nothing goes on behind the error: the operator who looks then finds all that was taken in."""
    at = f"{DAY}T10:00:00Z"
    large = "".join(a_sid("", f"{n}") for n in range(4000))
    sent = [Sent(account=acme.sid, name=f"{n}", created=at, updated=at, body=large) for n in range(20)]
    has_failed = threading.Event()
    storage = SteppingStorage(place.storage, Steps())

    def hold() -> None:
        has_failed.wait()  # the first commit takes until the disk fails

    storage.after_put = hold
    with place.process(storage=storage) as intake:
        watched = _WatchedIntake(intake)
        with pytest.raises(OSError, match="on purpose"):
            FileIntake(watched, chunk_bytes=1_500_000).run(  # type: ignore[arg-type]
                _BrokenDisk(body_of(sent), on_failure=has_failed.set), MESSAGES, source="dump"
            )
        assert [receipt.done() for receipt in watched.receipts] == [True]
    assert [json.loads(line)["sid"] for line in place.waiting()[DAY]] == [one.sid for one in sent[:12]]


def test_rejections_are_filed_under_the_file_with_its_line_numbers(
    place: Place, intake: Intake, sent: list[Sent]
) -> None:
    """The operator looks for line 21 in an editor, in the file that is named."""
    lines = [one.line() for one in sent]
    lines[20] = b"broken"
    receipt = FileIntake(intake, chunk_bytes=CHUNK).run(io.BytesIO(b"\n".join(lines)), MESSAGES, source="dump.json")
    assert (receipt.accepted, receipt.rejected) == (22, 1)
    assert [refusal.line_number for refusal in receipt.refusals] == [21]
    assert place.rejected() == [("dump.json", 21, b"broken")]


def test_the_receipt_of_a_file_has_a_bounded_size(place: Place, intake: Intake) -> None:
    """A file of something else may have as many rejections as lines."""
    body = b"{}\n" * (LISTED_REJECTIONS * 2)
    receipt = FileIntake(intake, chunk_bytes=CHUNK).run(io.BytesIO(body), MESSAGES, source="dump")
    assert receipt.rejected == LISTED_REJECTIONS * 2
    assert [refusal.line_number for refusal in receipt.refusals] == list(range(1, LISTED_REJECTIONS + 1))


def test_progress_is_told_in_bytes_of_the_file(intake: Intake, sent: list[Sent]) -> None:
    """A bar that stands still looks like a program that hangs; of a gzip, the size of the file is what is known."""
    packed = gzip.compress(body_of(sent))
    told: list[int] = []
    FileIntake(intake).run(io.BytesIO(packed), MESSAGES, source="dump", on_progress=told.append)
    assert told == sorted(told)
    assert told[-1] == len(packed)


def test_records_are_told_once_they_are_durable(place: Place, intake: Intake, sent: list[Sent]) -> None:
    """The records that the operator sees counted are not lost if the machine stops in that moment."""
    told: list[tuple[int, int]] = []

    def tell(records: int) -> None:
        told.append((records, sum(map(len, place.waiting().values())) + len(place.rejected())))

    body = body_of(sent[:11]) + b"broken\n" + body_of(sent[11:])
    FileIntake(intake, chunk_bytes=CHUNK).run(io.BytesIO(body), MESSAGES, source="dump", on_records=tell)
    assert len(told) > 3
    assert all(records <= durable for records, durable in told)
    assert told[-1] == (24, 24)


class _Endless(io.RawIOBase):
    """A stream that makes its lines as they are read, and measures the memory that is held meanwhile."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self.peak = 0

    def read(self, size: int = -1) -> bytes:
        block = b""
        while len(block) < size and (line := next(self._lines, b"")):
            block += line
        self.peak = max(self.peak, tracemalloc.get_traced_memory()[0])
        return block


def test_memory_does_not_grow_with_the_file(place: Place, intake: Intake, acme: Account) -> None:
    """A file may be larger than the machine."""
    body = a_sid("", "body") * 20
    lines = (
        Sent(account=acme.sid, name=f"{n}", created=f"{DAY}T10:00:00Z", updated=f"{DAY}T10:00:00Z", body=body).line()
        + b"\n"
        for n in range(8000)
    )
    stream = _Endless(lines)
    tracemalloc.start()
    try:
        receipt = FileIntake(intake, chunk_bytes=100_000).run(stream, MESSAGES, source="dump")  # type: ignore[arg-type]
    finally:
        tracemalloc.stop()
    assert receipt.accepted == 8000
    assert stream.peak < 6_000_000  # of nearly 8 MB that went through; a block and its lines are what is held


def test_a_storage_that_cannot_be_written_is_told_as_such(place: Place, acme: Account) -> None:
    """The operator at the terminal has to know what to do, and nothing may look as if it had been taken in."""
    storage = LocalStorage(Path("/sys/dayfile/objects"))  # where nobody can make a folder
    sent = [
        Sent(
            account=acme.sid,
            name=f"{n}",
            created=f"{DAY}T10:00:00Z",
            updated=f"{DAY}T10:00:00Z",
            body="".join(a_sid("", f"incompressible {n}/{m}") for m in range(50)),
        )
        for n in range(50)
    ]
    with place.process(storage=storage) as intake, pytest.raises(StorageUnavailable, match="permission denied"):
        FileIntake(intake).run(io.BytesIO(body_of(sent)), MESSAGES, source="dump")
    assert place.waiting() == {}
