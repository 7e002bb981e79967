"""A whole instance whose objects are in a bucket of a real object store."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from dayfile.model.account import AccountSid
from dayfile.objects.rebuild import Rebuild
from tests.support.records import Sent
from tests.support.state import an_account
from tests.support.swift import Bucket
from tests.support.world import SWEEP_DELAY, World

DAY = "2026-11-01"


@pytest.fixture
def url(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a bucket that this process has credentials for."""
    for name, value in bucket.environment().items():
        monkeypatch.setenv(name, value)
    return bucket.url


def _folder(above: Path, name: str) -> Path:
    folder = above / name
    folder.mkdir()
    return folder


def _sent(account: AccountSid, name: str, *, size: int = 100) -> Sent:
    """A message whose body does not get much smaller by compression."""
    body = "".join(hashlib.sha256(f"{name} {number}".encode()).hexdigest() for number in range(size // 64 + 1))
    at = f"{DAY}T10:00:00Z"
    return Sent(account=account, name=name, created=at, updated=at, body=body)


@pytest.mark.usefixtures("small_files")
def test_records_live_in_a_bucket_from_their_arrival_on(tmp_path: Path, url: str) -> None:
    """Segments, compaction, seals, packs, late records, the check, and what is swept: nothing of it needs a folder."""
    world = World(_folder(tmp_path, "one"), storage=url)
    acme, other = (an_account(world.database, name).sid for name in ("acme", "other"))
    for number in range(3):
        world.accept([_sent(acme, f"m{number}", size=60_000), _sent(other, f"n{number}", size=30_000)])
    assert len(world.stored_keys()) == 3, "the segments are objects"
    world.compaction.step()
    world = world.restarted()
    world.seal(DAY)
    world.accept([_sent(acme, "late", size=60_000)])
    world.seal(DAY)
    assert [len(world.records(account, DAY)) for account in (acme, other)] == [4, 3]
    assert world.findings() == []

    world.clock.pass_by(timedelta(days=8))
    world.work()
    for _ in range(2):
        world.clock.pass_by(SWEEP_DELAY + timedelta(seconds=1))
        world.work()
    assert world.stored_keys() == world.referred_keys()
    assert world.findings() == []
    assert not (tmp_path / "one" / "objects").exists()
    world.close()


def test_a_lost_database_is_rebuilt_from_a_bucket(tmp_path: Path, url: str) -> None:
    """The bucket alone says what was sealed."""
    world = World(_folder(tmp_path, "one"), storage=url)
    acme = an_account(world.database, "acme").sid
    world.accept([_sent(acme, "m"), _sent(acme, "n")])
    world.seal(DAY)
    world.work()
    kept = world.records(acme, DAY)
    world.close()
    lost = World(_folder(tmp_path, "two"), storage=url)
    rebuilt = Rebuild(lost.database, lost.storage, clock=lost.clock).run()
    assert (rebuilt.files, rebuilt.missing, rebuilt.unreadable) == (1, (), ())
    assert lost.records(acme, DAY) == kept
    lost.close()
