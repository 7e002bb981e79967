"""SIGKILL of `dayfile intake FILE`: the same command again, and every record is there once."""

from __future__ import annotations

import itertools
import json
import signal
from pathlib import Path

import pytest

from dayfile.cli.exit_codes import Outcome
from tests.e2e.cli_instance import PATIENCE_SECONDS, Instance
from tests.support.doomed import STEPS
from tests.support.records import Sent, body_of
from tests.support.remains import DAY, remains_of

RECORDS = 180
BODY = "x" * 250_000
"""Of a record: a file of 45 MB has three parts, and what is kept of it little."""


def _write(folder: Path, account: str) -> list[Sent]:
    """A file of records, of which the last ones are newer versions of the first."""
    sent = [
        Sent(
            account=account,
            name=f"{n % (RECORDS - 20)}",
            created=f"{DAY}T10:00:00Z",
            updated=f"{DAY}T10:{n // 60:02}:{n % 60:02}Z",
            body=f"{n} {BODY}",
        )
        for n in range(RECORDS)
    ]
    half = RECORDS // 2
    (folder / "records.json").write_bytes(body_of(sent[:half]) + b"no record\n" + body_of(sent[half:]) + b"nor this\n")
    return sent


def _kill_and_resume(folder: Path, at: str) -> int | None:
    """Die at a step and run again; how many parts had been taken in before, None if it came to its end."""
    folder.mkdir(exist_ok=True)
    instance = Instance(folder)
    with remains_of(folder / "data") as remains:
        account = remains.new_account()
    sent = _write(folder, account)
    process = instance.start("intake", "Messages", "records.json", doomed_at=at)
    try:
        process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
    assert process.returncode in {Outcome.FAILED, -signal.SIGKILL}, instance.log()
    with remains_of(folder / "data") as remains:
        assert remains.findings() == []
    again = instance.run("intake", "Messages", "records.json", "--json", expect=Outcome.FAILED)
    receipt = json.loads(again.stdout)[0]
    assert (receipt["accepted"], receipt["rejected"], receipt["parts"]) == (RECORDS, 2, 3)
    with remains_of(folder / "data") as remains:
        found = [(one["sid"], one["body"]) for one in remains.records()[account]]
        assert remains.findings() == []
        assert remains.rejected() == [("records.json", RECORDS // 2 + 1), ("records.json", RECORDS + 2)]
    assert len(found) == RECORDS - 20
    assert dict(found) == {one.sid: one.body for one in sent}, "the newest version of each, which comes last"
    return receipt["parts_taken_before"] if process.returncode == -signal.SIGKILL else None


def test_a_file_goes_on_after_the_parts_that_were_durable(tmp_path: Path) -> None:
    """It dies before its third part; while one is committed the next is read already, so one of two may be there."""
    assert _kill_and_resume(tmp_path, "put:3") in {1, 2}


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_a_file_may_be_cut_off_at_any_step(tmp_path: Path, step: str) -> None:
    """All that was durable is recognised, all that was not is taken in."""
    for number in itertools.count(1):
        if _kill_and_resume(tmp_path / str(number), f"{step}:{number}") is None:
            assert number > 3
            return
