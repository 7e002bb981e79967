"""The same records give the same days wherever Dayfile runs: a customer who is moved must not notice."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dayfile.errors import EngineUnavailable
from dayfile.model.account import AccountSid
from dayfile.work.dask_cluster import DaskCluster
from dayfile.work.engine_url import EngineUrl
from tests.support.dask_cluster import DaskProcesses, await_stop, dask_processes
from tests.support.deployment import CLUSTER, LOCAL, Deployment, Place
from tests.support.records import Sent
from tests.support.state import a_sid, an_account
from tests.support.swift import Bucket
from tests.support.world import HERE, Elsewhere, World

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


Hashes = dict[tuple[str, str, int], tuple[str, str]]
Seal = Callable[[World, str], None]


def _hashes(place: Place, folder: Path, *, elsewhere: Elsewhere = HERE, seal: Seal = World.seal) -> Hashes:
    """The hashes of text and file of each revision of each day of each account."""
    folder.mkdir()
    world = World(folder, database=place.database, storage=place.storage, elsewhere=elsewhere)
    for name in NAMES:
        an_account(world.database, name)
    found = {}
    for batch in _batches():
        world.accept(batch)
        world.compaction.step()
        for name in NAMES:
            for day in DAYS:
                seal(world, day)
                sealed = world.sealed(AccountSid(a_sid("AC", name)), day)
                if sealed is not None:
                    text = b"".join(line + b"\n" for line in world.lines(sealed))
                    assert hashlib.sha256(text).hexdigest() == sealed.plain_sha256
                    found[name, day, sealed.revision] = (sealed.plain_sha256, sealed.sha256)
    assert world.findings() == []
    world.close()
    return found


@pytest.fixture
def on_servers(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """PostgreSQL and an object store."""
    for name, value in bucket.environment().items():
        monkeypatch.setenv(name, value)
    deployment = Deployment(kind=CLUSTER, bucket=bucket)
    yield deployment
    deployment.close()


@pytest.mark.compat(53)
def test_a_day_is_the_same_on_a_laptop_and_on_servers(tmp_path: Path, on_servers: Deployment) -> None:
    """SQLite and a folder, PostgreSQL and an object store: one text and one file of every revision of every day."""
    on_laptop = _on_laptop(tmp_path)
    elsewhere = _hashes(on_servers.place(tmp_path), tmp_path / "servers")
    assert max(revision for _, _, revision in on_laptop) > 1
    assert on_laptop == elsewhere


@pytest.mark.slow
@pytest.mark.compat(53)
def test_a_day_is_the_same_on_machines_that_are_lost_meanwhile(tmp_path: Path, on_servers: Deployment) -> None:
    """A worker of Dask is killed, another freezes, and the scheduler is killed, in the middle of the first seal."""
    place = on_servers.place(tmp_path)
    assert place.storage is not None
    assert on_servers.bucket is not None
    environment = {**on_servers.bucket.environment(), "DAYFILE_STORAGE_URL": place.storage}
    (tmp_path / "dask").mkdir()
    with dask_processes(tmp_path / "dask", **environment) as cluster:
        impatient = DaskCluster(EngineUrl.parse(cluster.url), answer_seconds=2)
        misfortune = Misfortune(cluster)
        on_dask = _hashes(place, tmp_path / "instance", elsewhere=Elsewhere(cluster=impatient), seal=misfortune.seal)
        assert misfortune.is_over
    assert on_dask == _on_laptop(tmp_path)


def _on_laptop(folder: Path) -> Hashes:
    laptop = Deployment(kind=LOCAL)
    found = _hashes(laptop.place(folder), folder / "laptop")
    laptop.close()
    return found


class Misfortune:
    """Seals on a cluster that has bad luck with the first of them."""

    def __init__(self, cluster: DaskProcesses) -> None:
        self._cluster = cluster
        self.is_over = False

    def seal(self, world: World, day: str) -> None:
        """Seal a day."""
        if not self.is_over:
            self._fail(world, day)
            self.is_over = True
        world.seal(day)

    def _fail(self, world: World, day: str) -> None:
        """Lose two workers and the scheduler; the frozen worker goes on when everything is there again."""
        killed = self._cluster.start_worker(trap="SIGKILL")
        with ThreadPoolExecutor(1) as pool:
            sealing = pool.submit(world.seal, day)
            killed.wait()
            frozen = self._cluster.start_worker(trap="SIGSTOP")
            await_stop(frozen)
            self._cluster.kill_scheduler()
            with pytest.raises(EngineUnavailable):
                sealing.result()
        self._cluster.start_scheduler()
        self._cluster.start_worker()
        frozen.send_signal(signal.SIGCONT)
        frozen.wait()  # it finds that nobody knows it any more
