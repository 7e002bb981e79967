"""The same records give the same days wherever Dayfile runs: a customer who is moved must not notice."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from dayfile.model.account import AccountSid
from tests.support.deployment import CLUSTER, LOCAL, Deployment
from tests.support.records import Sent
from tests.support.state import a_sid, an_account
from tests.support.swift import Bucket
from tests.support.world import World

NAMES = ("acme", "other")
DAYS = ("2026-11-01", "2026-11-02")


def _message(name: str, day: str, number: int, *, version: int = 1) -> Sent:
    body = "".join(a_sid("", f"{number} {version} {part}") for part in range(1 + number % 7 * 20))
    return Sent(
        account=a_sid("AC", name),
        name=f"{name} {day} {number}",
        created=f"{day}T10:{number % 60:02}:00Z",
        updated=f"{day}T11:00:{version:02}Z",
        body=f"{body} and what is no ASCII: \u00fc",
    )


def _batches() -> list[list[Sent]]:
    """Small ones and one that is an object of its own, newer versions, and lines that come when their day is sealed."""
    of_all = [_message(name, day, number) for name in NAMES for day in DAYS for number in range(40)]
    changed = [_message(name, DAYS[0], number, version=2) for name in NAMES for number in range(0, 40, 3)]
    return [of_all[:5], of_all[5:], changed]


def _hashes(deployment: Deployment, folder: Path) -> dict[tuple[str, str, int], tuple[str, str]]:
    """The hashes of text and file of each revision of each day of each account."""
    folder.mkdir()
    place = deployment.place(folder)
    world = World(folder, database=place.database, storage=place.storage)
    for name in NAMES:
        an_account(world.database, name)
    found = {}
    for batch in _batches():
        world.accept(batch)
        world.compaction.step()
        for name in NAMES:
            for day in DAYS:
                world.seal(day)
                sealed = world.sealed(AccountSid(a_sid("AC", name)), day)
                if sealed is not None:
                    text = b"".join(line + b"\n" for line in world.lines(sealed))
                    assert hashlib.sha256(text).hexdigest() == sealed.plain_sha256
                    found[name, day, sealed.revision] = (sealed.plain_sha256, sealed.sha256)
    assert world.findings() == []
    world.close()
    deployment.close()
    return found


@pytest.mark.compat(53)
def test_a_day_is_the_same_on_a_laptop_and_in_a_cluster(
    tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite and a folder, PostgreSQL and an object store: one text and one file of every revision of every day."""
    for name, value in bucket.environment().items():
        monkeypatch.setenv(name, value)
    on_laptop = _hashes(Deployment(kind=LOCAL), tmp_path / "laptop")
    in_cluster = _hashes(Deployment(kind=CLUSTER, bucket=bucket), tmp_path / "cluster")
    assert max(revision for _, _, revision in on_laptop) > 1
    assert on_laptop == in_cluster
