"""A whole instance whose heavy work is done by a real Dask cluster."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dayfile.errors import EngineUnavailable
from dayfile.model.account import AccountSid
from dayfile.work.dask_cluster import DaskCluster
from dayfile.work.engine_url import EngineUrl
from tests.support.cut_day import CUT_BYTES, DAY, sealed_twice, sweep_all
from tests.support.dask_cluster import DaskProcesses, await_stop, dask_processes
from tests.support.records import Sent
from tests.support.state import an_account
from tests.support.world import World


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
    return World(folder, storage=storage, cluster=impatient, cut_bytes=CUT_BYTES, process=process)


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
    """Where a day is sealed must not show, and the check reads everything on the cluster, too."""
    local = World(tmp_path / "local") if (tmp_path / "local").mkdir() is None else None
    assert local is not None
    expected = sealed_twice(local)
    local.close()
    world = World(
        tmp_path,
        storage=f"file://{two_workers.folder / 'objects'}",
        engine_url=two_workers.url,
        cut_bytes=CUT_BYTES,
        process=2,
    )
    assert sealed_twice(world) == expected
    assert [one for one in world.findings() if "left over" not in one] == []
    world.close()
