"""Files read by several processes: the same records and refusals, whatever happens to the processes."""

from __future__ import annotations

import gzip
import io
import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from dayfile.errors import InvalidBody, StorageUnavailable, Transient
from dayfile.intake.file import FileIntake
from dayfile.intake.pipeline import Intake
from dayfile.intake.reader_pool import ReaderPool
from dayfile.model.account import Account
from dayfile.model.resource import MESSAGES
from tests.support import reader_faults
from tests.support.intake import Place
from tests.support.records import Sent, body_of
from tests.support.state import a_sid, an_account
from tests.support.steps import SteppingDatabase, SteppingStorage, Steps

CHUNK = 4000  # twenty lines or so


@contextmanager
def _a_pool(processes: int = 2, serve: Callable[[Connection], None] | None = None) -> Iterator[ReaderPool]:
    """A pool whose processes have started: otherwise the parent would have read so little before they have."""
    with ReaderPool(processes, serve=serve) as pool:
        pool.start()
        yield pool


@pytest.fixture(scope="module")
def pool() -> Iterator[ReaderPool]:
    """A pool of two that tests share."""
    with _a_pool() as pool:
        yield pool


def _mixed_lines(*, count: int, seed: int) -> list[bytes]:
    """Records of several days, accounts and versions, and among them lines of every kind that is refused or skipped."""
    return [_a_line(int(a_sid("", f"{seed} {n}")[:12], 16), count) for n in range(count)]


def _a_line(dice: int, count: int) -> bytes:
    account = a_sid("AC", ("acme", "globex", "unknown")[dice % 3])
    at = f"2026-11-0{'1112'[dice % 4]}T{dice % 24:02}:00:00Z"
    line = Sent(account=account, name=f"{dice % count}", created=at, updated=at, body="\u00fc\\n").line()
    kinds = {
        1: line.replace(b'"sid"', b'"sid": "x", "sid"'),
        2: line.replace(b'"body"', b'"further": [1, {}], "body"'),
        3: b" " + line + b"\r",
        4: b"",
        5: b"broken",
        6: b'{"sid": 1}',
    }
    return kinds.get(dice // 12 % 20, line)


def _outcome(folder: Path, body: bytes, pool: ReaderPool | None) -> dict[str, Any]:
    """Everything that a new instance has after a file, and what it answers."""
    folder.mkdir()
    place = Place(folder)
    an_account(place.database, "acme")
    an_account(place.database, "globex")
    with place.process() as intake:
        files = FileIntake(intake, chunk_bytes=CHUNK, pool=pool)
        receipt = files.run(io.BytesIO(body), MESSAGES, source="dump")
        again = files.run(io.BytesIO(body), MESSAGES, source="dump")
    with place.database.snapshot() as tx:
        kept = [(one.source, one.refusal) for one in tx.rejections.listed(limit=10_000)]
    outcome = {"receipt": receipt, "again": again.repeated, "waiting": place.waiting(), "kept": kept}
    assert place.pending() == 0
    place.database.close()
    return outcome


@pytest.fixture
def body(tmp_path: Path) -> bytes:
    """A file of some chunks."""
    return b"\n".join(_mixed_lines(count=200, seed=7))


@pytest.mark.parametrize("form", ["rows", "array"])
def test_a_file_has_the_same_outcome_whichever_process_reads_it(tmp_path: Path, pool: ReaderPool, form: str) -> None:
    """More cores make a file faster to take in, and change no record, no refusal, no digest and no order."""
    lines = _mixed_lines(count=400, seed=len(form))
    bodies = {
        "rows": b"\n".join(lines),
        "array": b"[" + b",\n".join(line.replace(b", ", b",\n") for line in lines if line.startswith(b"{")) + b"]",
    }
    one = _outcome(tmp_path / "one", bodies[form], None)
    many = _outcome(tmp_path / "many", bodies[form], pool)
    assert many == one
    assert one["receipt"].chunks > 10
    assert one["again"] == one["receipt"].chunks
    assert one["receipt"].rejected > 20


@pytest.mark.parametrize("serve", reader_faults.FAULTS)
def test_a_chunk_is_read_though_its_process_ends_at_any_step(
    tmp_path: Path, body: bytes, serve: Callable[[Connection], None]
) -> None:
    """A machine that runs out of memory ends some process, and it may be one of these."""
    one = _outcome(tmp_path / "one", body, None)
    with _a_pool(1, serve) as pool:
        many = _outcome(tmp_path / "many", body, pool)
    assert many == one


def test_what_one_process_had_is_read_by_another(tmp_path: Path, body: bytes) -> None:
    """One that is killed costs its share of the time, not all of it."""
    fallen: list[int] = []

    def kill_one(_: int) -> None:
        if not fallen:
            member = two._members[0]
            fallen.append(member._process.pid or 0)
            member._process.kill()

    place = Place(tmp_path)
    an_account(place.database, "acme")
    an_account(place.database, "globex")
    with place.process() as intake, _a_pool() as two:
        files = FileIntake(intake, chunk_bytes=CHUNK, pool=two)
        receipt = files.run(io.BytesIO(body), MESSAGES, source="dump", on_records=kill_one)
    assert len(fallen) == 1
    assert receipt.accepted == sum(map(len, place.waiting().values()))
    assert receipt.accepted + receipt.rejected == sum(1 for line in body.split(b"\n") if line.strip())
    place.database.close()


def test_a_short_file_starts_no_process(place: Place, intake: Intake, acme: Account) -> None:
    """Most files are short: they are read before a process has started."""
    sent = Sent(account=acme.sid, name="x", created="2026-11-01T10:00:00Z", updated="2026-11-01T10:00:00Z")
    body = body_of([sent] * 50)
    with ReaderPool(2, serve=reader_faults.must_not_start) as pool:
        files = FileIntake(intake, chunk_bytes=CHUNK, pool=pool)
        receipt = files.run(io.BytesIO(body), MESSAGES, source="dump")
        assert (receipt.accepted, receipt.chunks) == (50, 3)
        assert not pool.is_started


def test_a_longer_file_does_not_wait_until_they_have_started(place: Place, intake: Intake, acme: Account) -> None:
    """The parent reads what there is until then, and leaves nothing to them that they could not begin."""
    at = "2026-11-01T10:00:00Z"
    sent = [Sent(account=acme.sid, name=f"{n}", created=at, updated=at) for n in range(200)]
    with ReaderPool(1, serve=reader_faults.never_starts) as pool:
        files = FileIntake(intake, chunk_bytes=CHUNK, pool=pool)
        assert files.run(io.BytesIO(body_of(sent)), MESSAGES, source="dump").accepted == 200
        assert pool.is_started
    assert [json.loads(line)["sid"] for line in place.waiting()[at[:10]]] == [one.sid for one in sent]


def test_a_file_that_is_cut_off_is_taken_in_up_to_its_last_whole_chunk(
    place: Place, intake: Intake, acme: Account, pool: ReaderPool
) -> None:
    """The operator is told, and the whole file can follow: what is in already is recognised."""
    at = "2026-11-01T10:00:00Z"
    sent = [Sent(account=acme.sid, name=f"{n}", created=at, updated=at, body="x" * 9000) for n in range(200)]
    packed = gzip.compress(body_of(sent))
    files = FileIntake(intake, chunk_bytes=200_000, pool=pool)
    with pytest.raises(InvalidBody, match="cut off"):
        files.run(io.BytesIO(packed[:-9]), MESSAGES, source="dump")
    receipt = files.run(io.BytesIO(packed), MESSAGES, source="dump")
    assert receipt.accepted == 200
    assert receipt.repeated > 3
    assert [json.loads(line)["sid"] for line in place.waiting()["2026-11-01"]] == [one.sid for one in sent]


def test_an_account_that_comes_to_be_meanwhile_is_let_in(
    place: Place, intake: Intake, acme: Account, pool: ReaderPool
) -> None:
    """A chunk is read with the verdicts of its time, and judged again when it is committed."""
    at, late = "2026-11-01T10:00:00Z", a_sid("AC", "late")
    sent = [Sent(account=late if n % 5 else acme.sid, name=f"{n}", created=at, updated=at) for n in range(200)]

    def create(taken: int) -> None:
        if 60 < taken <= 80:
            an_account(place.database, "late")

    files = FileIntake(intake, chunk_bytes=CHUNK, pool=pool)
    receipt = files.run(io.BytesIO(body_of(sent)), MESSAGES, source="dump", on_records=create)
    last_refused = max(number for _, number, _ in place.rejected())
    assert receipt.accepted + receipt.rejected == 200
    assert last_refused < 160
    assert receipt.rejected == sum(1 for n in range(last_refused) if n % 5)


def test_a_chunk_that_cannot_be_written_leaves_nothing_behind(place: Place, acme: Account, pool: ReaderPool) -> None:
    """Its objects are given up for the sweep, and the same command goes on there."""
    at = "2026-11-01T10:00:00Z"
    large = "".join(a_sid("", f"{n}") for n in range(4000))
    sent = [Sent(account=acme.sid, name=f"{n}", created=at, updated=at, body=large) for n in range(6)]
    storage = SteppingStorage(place.storage, Steps(at=8, recovers=True))
    with place.process(storage=storage) as intake:
        files = FileIntake(intake, chunk_bytes=CHUNK, pool=pool)
        with pytest.raises(StorageUnavailable):
            files.run(io.BytesIO(body_of(sent)), MESSAGES, source="dump")
        assert place.pending() == 0
        assert files.run(io.BytesIO(body_of(sent)), MESSAGES, source="dump").accepted == 6
    assert [json.loads(line)["sid"] for line in place.waiting()["2026-11-01"]] == [one.sid for one in sent]
    assert place.pending() == 0


@pytest.mark.parametrize("at", range(3, 27, 5))
def test_a_file_goes_on_whichever_step_of_the_database_fails(
    tmp_path: Path, place: Place, pool: ReaderPool, *, body: bytes, at: int
) -> None:
    """Chunks that were read ahead are no more than read: only what is durable is recognised, and only once."""
    an_account(place.database, "acme")
    an_account(place.database, "globex")
    with place.process(database=SteppingDatabase.of(place.database, Steps(at=at, recovers=True))) as intake:
        files = FileIntake(intake, chunk_bytes=CHUNK, pool=pool)
        with pytest.raises(Transient):
            files.run(io.BytesIO(body), MESSAGES, source="dump")
        receipt = files.run(io.BytesIO(body), MESSAGES, source="dump")
    expected = _outcome(tmp_path / "one", body, None)
    assert place.waiting() == expected["waiting"]
    assert [number for _, number, _ in place.rejected()] == [one.line_number for _, one in expected["kept"]]
    assert (receipt.accepted, receipt.refusals) == (expected["receipt"].accepted, expected["receipt"].refusals)


@pytest.fixture
def reading(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A command whose processes have read a part, and wait for more; with their ids."""
    program = [sys.executable, "-m", "tests.support.reader_command", str(tmp_path)]
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    root = Path(__file__).parents[3]
    with subprocess.Popen(program, cwd=root, text=True, start_new_session=True, **pipes) as process:
        assert process.stdout is not None
        children = [int(word) for word in process.stdout.readline().split()]
        assert len(children) == 2, process.communicate()
        try:
            yield process, children
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_processes_end_with_the_command(reading: tuple[subprocess.Popen[str], list[int]], number: int) -> None:
    """A stopped command leaves no process behind, which would hold memory, and the terminal."""
    process, children = reading
    watches = [os.pidfd_open(child) for child in children]
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as the terminal sends Ctrl-C: to all
    else:
        process.send_signal(number)
    _, told = process.communicate(timeout=60)
    for watch in watches:
        multiprocessing.connection.wait([watch])
        os.close(watch)
    assert process.returncode in {-number, 128 + number, 1}
    assert told.count("Traceback") == (number == signal.SIGINT), "of the command itself, and of none of its processes"
