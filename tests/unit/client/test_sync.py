from __future__ import annotations

import gzip
from pathlib import Path

import httpx2
import pytest

from dayfile.client.client import Client
from dayfile.client.sync import State, SyncedDay, alone_in
from dayfile.errors import Transient
from dayfile.model.day import Day, DayRange
from dayfile.model.resource import CALLS, MESSAGES
from tests.unit.client.archive_server import ArchiveServer, content
from tests.unit.client.other_server import URL, Patience

WEEK = DayRange(first=Day.parse("2026-10-05"), last=Day.parse("2026-10-11"))
TYPES = (MESSAGES, CALLS)


def sync(server: ArchiveServer, folder: Path, days: DayRange = WEEK) -> list[SyncedDay]:
    """Run it once."""
    with Client(URL, "AC1", "secret", wait=Patience(), transport=httpx2.MockTransport(server)) as client:
        return client.sync(TYPES, days.first, days.last, folder=folder)


def states(synced: list[SyncedDay]) -> set[State]:
    """Return the outcomes of the days."""
    return {one.state for one in synced}


@pytest.mark.parametrize("counts_only", [False, True])
def test_all_days_are_had_in_one_run_and_asked_for_once(tmp_path: Path, counts_only: bool) -> None:
    """Published days come without a job; the others are asked for, waited for and read to their end."""
    server = ArchiveServer(published={"Messages": {"2026-10-07"}}, counts_only=counts_only)
    synced = sync(server, tmp_path)
    assert [(one.resource_type, one.day) for one in synced] == [(of, day) for of in TYPES for day in WEEK]
    assert states(synced) == {State.DOWNLOADED}
    assert server.created == [
        ("Messages", "2026-10-05", "2026-10-06"),
        ("Messages", "2026-10-08", "2026-10-11"),
        ("Calls", "2026-10-05", "2026-10-11"),
    ]
    file = tmp_path / "AC1-Calls-2026-10-08.json.gz"
    assert file.read_bytes() == content("/Calls/2026-10-08")
    assert len(list(tmp_path.iterdir())) == 14


def test_a_second_run_asks_for_nothing_even_when_the_server_has_forgotten(tmp_path: Path) -> None:
    """Twilio forgets a day after a week, and every day costs of the quota: the folder knows what it has."""
    server = ArchiveServer()
    sync(server, tmp_path)
    downloads, created = server.downloads, list(server.created)
    assert states(sync(server, tmp_path)) == {State.HERE}
    server.published.clear()
    server.jobs.clear()
    assert states(sync(server, tmp_path)) == {State.HERE}
    assert (server.downloads, server.created) == (downloads, created)
    (tmp_path / "AC1-Calls-2026-10-08.json.gz").write_bytes(b"cut off")
    assert [one.day for one in sync(server, tmp_path) if one.state is State.DOWNLOADED] == [Day.parse("2026-10-08")]
    assert server.created[len(created) :] == [("Calls", "2026-10-08", "2026-10-08")]


def test_a_job_that_runs_already_is_waited_for(tmp_path: Path) -> None:
    """The run before was stopped: its job goes on, and is not paid for twice."""
    server = ArchiveServer(jobs={"JS0": ("Messages", [str(day) for day in WEEK], 2)})
    assert states(sync(server, tmp_path)) == {State.DOWNLOADED}
    assert [of for of, _, _ in server.created] == ["Calls"]


def test_what_the_quota_still_allows_is_had(tmp_path: Path) -> None:
    """The oldest days first; the others are told, and had by the same command when there is quota again."""
    server = ArchiveServer(quota=4)
    synced = sync(server, tmp_path)
    had = [one.day for one in synced if one.state is State.DOWNLOADED]
    assert had == [WEEK.first + number for number in range(4)]
    refused = [one for one in synced if one.state is State.REFUSED]
    assert len(refused) == 10
    assert all(one.reason for one in refused)
    assert "0 days are left today" in str(refused[0].reason)
    server.quota = 100
    assert states(sync(server, tmp_path)) == {State.HERE, State.DOWNLOADED}


def test_days_that_cannot_be_exported_do_not_hold_up_the_others(tmp_path: Path) -> None:
    """One bad day is told; a month of others is here."""
    server = ArchiveServer(failing={"2026-10-06"})
    failed = [one for one in sync(server, tmp_path) if one.state is State.FAILED]
    assert [str(one.day) for one in failed] == ["2026-10-06"] * 2
    assert len(list(tmp_path.iterdir())) == 12


def test_a_day_without_records_is_known_to_the_archive(tmp_path: Path) -> None:
    """Some servers have no file for it: it would be asked for every night."""
    server = ArchiveServer(without_file={"2026-10-06"})
    assert states(sync(server, tmp_path)) == {State.DOWNLOADED}
    assert gzip.decompress((tmp_path / "AC1-Calls-2026-10-06.json.gz").read_bytes()) == b""
    created = len(server.created)
    assert states(sync(server, tmp_path)) == {State.HERE}
    assert len(server.created) == created


def test_days_that_are_too_new_are_told_and_not_asked_for(tmp_path: Path) -> None:
    """A job is for days up to two days ago: the server says that it is the 23rd."""
    server = ArchiveServer()
    synced = sync(server, tmp_path, DayRange(first=Day.parse("2026-11-21"), last=Day.parse("2026-11-22")))
    assert [one.state for one in synced] == [State.DOWNLOADED, State.NOT_YET] * 2
    assert synced[1].reason == "too new: a job can ask for it from 2026-11-24 on, UTC"


def test_two_runs_in_one_folder_do_not_meet(tmp_path: Path) -> None:
    """A run that takes longer than a night is met by the next: it goes on alone."""
    with alone_in(tmp_path), pytest.raises(Transient, match="another sync"), alone_in(tmp_path):
        pass
    with alone_in(tmp_path):
        assert list(tmp_path.iterdir()) == []
