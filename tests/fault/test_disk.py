"""A disk that is full, for real, and one that cannot be written: told with what to do, and nothing is half there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dayfile.cli.exit_codes import Outcome
from dayfile.errors import Transient
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.resource import MESSAGES
from tests.e2e.cli_instance import Instance
from tests.support.intake_server import DAY, served
from tests.support.mounts import change, small_disk
from tests.support.records import Sent, body_of
from tests.support.state import a_sid

SMALL, LARGE = 8, 64
"""Megabytes of the disk before and after it is made larger."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk."""
    with small_disk(tmp_path / "disk", megabytes=SMALL) as disk:
        yield disk


def _batch(account: str, number: int) -> list[Sent]:
    """About half a megabyte that does not compress to much less."""
    return [
        Sent(
            account=account,
            name=f"{number}/{n}",
            created=f"{DAY}T10:00:00Z",
            updated=f"{DAY}T10:00:00Z",
            body=f"{number}/{n} " + "".join(a_sid("", f"{number}/{n}/{part}") for part in range(60)),
        )
        for n in range(250)
    ]


def test_a_full_disk_refuses_whole_batches_and_goes_on_with_more_room(disk: Path) -> None:
    """The sender is told to wait, the operator what to do; what was acknowledged is there, and nothing else."""
    with served(disk) as server:
        account = server.account[0]
        taken: list[int] = []
        while (answer := server.post(body_of(_batch(account, len(taken))), Idempotency_Key=f"{len(taken)}")).is_success:
            taken.append(len(taken))
            assert len(taken) < 4 * SMALL, "the disk never fills"
        assert (answer.status_code, answer.json()["code"]) == (503, 20503)
        assert int(answer.headers["Retry-After"]) >= 1
        assert "full" in answer.json()["message"]
        assert {int(body.split("/")[0]) for body in server.waiting(account)} == set(taken)
        assert len(server.waiting(account)) == 250 * len(taken)
        with pytest.raises(Transient):
            server.service.worker.seal(MESSAGES, Day.parse(DAY))
        assert list(server.service.insight.check.run(deep=True)) == []
        change(disk, f"size={LARGE}m")
        assert server.post(body_of(_batch(account, len(taken))), Idempotency_Key=f"{len(taken)}").status_code == 200
        server.clock.pass_by(server.service.settings.lease)  # on a full disk a claim may not have been given back
        outcome = server.service.worker.seal(MESSAGES, Day.parse(DAY))
        assert outcome is not None
        with server.service.database.snapshot() as tx:
            sealed = tx.sealed_days.of_day(MESSAGES, Day.parse(DAY))[AccountSid(account)]
        assert sealed.records == 250 * (len(taken) + 1)
        assert list(server.service.insight.check.run(deep=True)) == []


def test_a_data_folder_that_is_read_only_is_told_with_its_name(disk: Path, tmp_path: Path) -> None:
    """Root ignores modes, so it is the disk that refuses; the instance on it is as it was."""
    (disk / "data").mkdir()
    instance = Instance(tmp_path, {"DAYFILE_DATA_DIR": str(disk / "data")})
    instance.run("init")
    account = instance.json("accounts", "create")["account_sid"]
    change(disk, "ro")
    refused = instance.run("serve", "--port", "0", expect=Outcome.FAILED)
    assert str(disk / "data") in refused.stderr
    assert "Read-only file system" in refused.stderr
    assert "Traceback" not in refused.stderr
    change(disk, "rw")
    assert [one["account_sid"] for one in instance.json("accounts", "list")] == [account]
