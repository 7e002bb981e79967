"""A whole instance whose heavy work is done by a real Dask cluster."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import dask
import pytest
import trustme

from dayfile.errors import EngineUnavailable, Unusable
from dayfile.model.account import AccountSid
from dayfile.work.dask_cluster import DaskCluster
from dayfile.work.engine_url import EngineUrl
from tests.support.cut_day import CUT_BYTES, DAY, sealed_twice, sweep_all
from tests.support.dask_cluster import DaskProcesses, await_stop, certificates, dask_processes
from tests.support.records import Sent
from tests.support.state import an_account
from tests.support.swift import Bucket
from tests.support.world import Elsewhere, World


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskProcesses]:
    """A cluster without workers, whose storage the tests of this module share."""
    with dask_processes(tmp_path_factory.mktemp("dask")) as processes:
        yield processes


@pytest.fixture(scope="module")
def two_workers(cluster: DaskProcesses) -> Iterator[DaskProcesses]:
    """The same with two workers of one thread."""
    for _ in range(2):
        cluster.start_worker()
    yield cluster
    while cluster.workers:
        cluster.stop_worker()


def _world(folder: Path, cluster: DaskProcesses, process: int) -> World:
    """An instance with this cluster, and with keys unlike those of other numbers."""
    folder.mkdir(exist_ok=True)
    impatient = DaskCluster(EngineUrl.parse(cluster.url), answer_seconds=2)
    storage = f"file://{cluster.folder / 'objects'}"
    return World(folder, storage=storage, elsewhere=Elsewhere(cluster=impatient, cut_bytes=CUT_BYTES), process=process)


def _account_with_a_record(world: World) -> AccountSid:
    account = an_account(world.database).sid
    at = f"{DAY}T10:00:00Z"
    world.accept([Sent(account=account, name="m", created=at, updated=at, body="m")])
    return account


class Seal(threading.Thread):
    """A seal that goes on while the test does something."""

    def __init__(self, world: World) -> None:
        super().__init__(daemon=True)
        self._world = world
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self._world.seal(DAY)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.error = error


def test_a_cluster_makes_the_texts_of_one_machine(tmp_path: Path, two_workers: DaskProcesses) -> None:
    """The place where a day is sealed must not show, and the check reads everything on the cluster, too."""
    (tmp_path / "local").mkdir()
    local = World(tmp_path / "local")
    expected = sealed_twice(local)
    local.close()
    storage = f"file://{two_workers.folder / 'objects'}"
    world = World(tmp_path, storage=storage, elsewhere=Elsewhere(url=two_workers.url, cut_bytes=CUT_BYTES), process=2)
    assert sealed_twice(world) == expected
    assert world.findings() == []
    damaged = next(iter(expected))
    path = world.objects.root / _current_key(world, damaged)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert [found.account for found in world.check()] == [damaged]
    world.close()


def _current_key(world: World, account: AccountSid) -> str:
    sealed = world.sealed(account, DAY)
    assert sealed is not None
    return sealed.place.object_key


@pytest.fixture
def fragile(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[DaskProcesses, World]]:
    """A cluster without workers that the test may harm, and an instance with a record that waits."""
    (tmp_path / "dask").mkdir()
    # So long it takes to find out that a worker is frozen; a busy machine must not take others for it.
    worker_ttl = "8s" if "a_lost_worker" in request.node.name else "60s"
    with dask_processes(tmp_path / "dask", worker_ttl=worker_ttl) as cluster:
        world = _world(tmp_path / "instance", cluster, process=1)
        _account_with_a_record(world)
        yield cluster, world
        world.close()


def _is_whole(world: World) -> None:
    """Assert that the day is sealed, and that nothing is wrong or left over in the end."""
    [account] = _accounts(world)
    assert [one["body"] for one in world.records(account, DAY)] == ["m"]
    assert world.findings() == []
    sweep_all(world)
    assert world.stored_keys() == world.referred_keys()


def _accounts(world: World) -> list[AccountSid]:
    with world.database.snapshot() as tx:
        return [one.sid for one in tx.accounts.listed(after=None, limit=10)]


@pytest.mark.parametrize("trap", ["SIGKILL", pytest.param("SIGSTOP", marks=pytest.mark.slow)])
def test_the_work_of_a_lost_worker_is_done_by_another(fragile: tuple[DaskProcesses, World], trap: str) -> None:
    """A worker is killed, or frozen for longer than the cluster waits: the seal goes on, half-done work is swept.

    The frozen one wakes up when all is over, and what it writes then is nobody's.
    """
    cluster, world = fragile
    lost = cluster.start_worker(trap=trap)
    seal = Seal(world)
    if trap == "SIGKILL":
        lost.wait()
    else:
        await_stop(lost)
    cluster.start_worker()
    seal.join()
    assert seal.error is None
    if trap == "SIGSTOP":
        lost.send_signal(signal.SIGCONT)
        lost.wait()  # it finds that nobody knows it any more
    _is_whole(world)


@pytest.mark.slow
def test_a_seal_whose_scheduler_is_killed_is_given_up_and_taken_up_again(fragile: tuple[DaskProcesses, World]) -> None:
    """All futures end at once; the claim is released, so that nobody waits for its lease."""
    cluster, world = fragile
    frozen = cluster.start_worker(trap="SIGSTOP")
    seal = Seal(world)
    await_stop(frozen)
    cluster.kill_scheduler()
    seal.join()
    assert isinstance(seal.error, EngineUnavailable)
    assert "its scheduler has ended" in str(seal.error)
    [found] = world.check(deep=False)
    assert "does not answer" in found.detail
    assert cluster.url in found.detail

    cluster.start_scheduler()
    [found] = world.check(deep=False)
    assert "has no workers: start `dask worker`" in found.detail
    cluster.start_worker()
    world.seal(DAY)
    _is_whole(world)


@pytest.mark.slow
def test_a_worker_with_another_storage_seals_nothing(fragile: tuple[DaskProcesses, World], tmp_path: Path) -> None:
    """It finds no segment, which is not damage: the objects are there, and the message says what to look at."""
    cluster, world = fragile
    (tmp_path / "other").mkdir()
    cluster.start_worker(storage=tmp_path / "other")
    with pytest.raises(EngineUnavailable, match=r"does DAYFILE_STORAGE_URL name the same storage .* of all workers"):
        world.seal(DAY)
    with world.database.snapshot() as tx:
        assert tx.damages.count() == 0
    cluster.stop_worker()
    cluster.start_worker()
    world.seal(DAY)
    _is_whole(world)


@pytest.mark.slow
def test_machines_that_have_nothing_in_common_but_a_bucket_seal_a_day(
    tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key of the store comes from the environment of each; no path of one is known to another."""
    environment = {**bucket.environment(), "DAYFILE_STORAGE_URL": bucket.url}
    for name, value in bucket.environment().items():
        monkeypatch.setenv(name, value)
    for name in ("dask", "instance", "local"):
        (tmp_path / name).mkdir()
    local = World(tmp_path / "local")
    expected = sealed_twice(local)
    local.close()
    with dask_processes(tmp_path / "dask", **environment) as cluster:
        cluster.start_worker()
        elsewhere = Elsewhere(url=cluster.url, cut_bytes=CUT_BYTES)
        world = World(tmp_path / "instance", storage=bucket.url, elsewhere=elsewhere)
        assert sealed_twice(world) == expected
        assert world.findings() == []
        world.close()


def test_a_cluster_with_certificates_works_for_those_who_have_one(tmp_path: Path) -> None:
    """A scheduler executes anybody's code, so it must know by whom it is asked."""
    authority, other = trustme.CA(), trustme.CA()
    own = certificates(authority, tmp_path / "own")
    (tmp_path / "dask").mkdir()
    with dask_processes(tmp_path / "dask", protocol="tls", **own) as cluster, dask.config.set(_configured(own)):
        cluster.start_worker()
        world = _world(tmp_path / "instance", cluster, process=1)
        _account_with_a_record(world)
        world.seal(DAY)
        _is_whole(world)
        world.close()
        with dask.config.set(_configured(certificates(other, tmp_path / "other"))):
            stranger = DaskCluster(EngineUrl.parse(cluster.url), answer_seconds=1)
        with pytest.raises(EngineUnavailable, match="a certificate of the same authority"):
            stranger.executor()
    with pytest.raises(Unusable, match="DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT"):
        DaskCluster(EngineUrl.parse("dask+tls://127.0.0.1:1"))


def _configured(variables: dict[str, str]) -> dict[str, str]:
    """The same as Dask reads them in this process."""
    return {
        name.removeprefix("DASK_").lower().replace("__", ".").replace("_", "-"): to for name, to in variables.items()
    }
