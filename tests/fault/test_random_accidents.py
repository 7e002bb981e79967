"""Servers and workers are killed and frozen at random while everybody works with them: nothing is lost or doubled.

    make test-all ARGS="tests/fault/test_random_accidents.py --accident-seconds 600 --accident-seed 7"

PostgreSQL and the object store, real ones, are not among the victims: nothing else has to last.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from dayfile.service import SystemRandomness
from tests.support.accidents import Accidents, Pace
from tests.support.faketime import variables_of_a_clock
from tests.support.hosted_end import check_end, come_to_rest
from tests.support.hosted_life import Life, settle
from tests.support.hosts import Hosts, hosts
from tests.support.receiver import Receiver, receiving

SERVERS, WORKERS, ACCOUNTS = 2, 4, 4
LEASE_SECONDS: Final = 5
FROZEN_SECONDS: Final = LEASE_SECONDS + 1.5
"""Long enough for what a frozen host holds to be taken by another."""

EVERY_SECONDS: Final = 2.0
JOBS_A_SECOND: Final = 1 / 3
"""Two hundred in ten minutes."""

AHEAD: Final = "+5m"
_SETTINGS: Final = {
    "DAYFILE_LEASE_SECONDS": str(LEASE_SECONDS),
    "DAYFILE_DAY_GRACE_MINUTES": "0",
    "DAYFILE_LATE_QUIET_MINUTES": "0",
    "DAYFILE_QUOTA_DAYS": "0",
    "DAYFILE_SWEEP_DELAY_DAYS": "0",
    "DAYFILE_WEBHOOK_ALLOW": "127.0.0.0/8",
}


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Hosts without any process yet, and who is told."""

    hosts: Hosts
    receiver: Receiver


@pytest.fixture
def scene(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """Provide PostgreSQL, an object store and a receiver of webhooks."""
    base = tmp_path_factory.getbasetemp()
    run_folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with receiving() as receiver, hosts(tmp_path, run_folder=run_folder, more=_SETTINGS) as made:
        for name, value in made.bucket.environment().items():
            monkeypatch.setenv(name, value)  # this process looks at the storage in the end
        yield Scene(hosts=made, receiver=receiver)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("ahead", ["", AHEAD])
def test_random_accidents_lose_and_double_nothing(
    scene: Scene, request: pytest.FixtureRequest, record_property: Callable[[str, object], None], ahead: str
) -> None:
    """Every two seconds a host is killed or frozen; with a clock, one server's and one worker's are five minutes ahead.

    In the end every acknowledged record is in its file once, every job is over, each event was told under one sid, no
    object is left over, and `check --deep` finds nothing.
    """
    seconds = request.config.getoption("--accident-seconds")
    seed = request.config.getoption("--accident-seed") or SystemRandomness().hex(8)
    print(f"--accident-seed {seed}")  # noqa: T201 - shown when it fails
    made = scene.hosts
    members = settle(made, accounts=ACCOUNTS, days=max(8, int(seconds / 10)), receiver=scene.receiver)
    _start(made, variables_of_a_clock(ahead) if ahead else {})
    life = Life(made, members, scene.receiver, seed=seed)
    accidents = Accidents(made.all, Pace(every=EVERY_SECONDS, frozen_for=FROZEN_SECONDS), seed=seed)
    accidents.start()
    try:
        life.go_on(seconds=seconds, jobs=max(10, int(seconds * JOBS_A_SECOND)))
    finally:
        accidents.stop()
    come_to_rest(made, life)
    assert made.stop() == []
    counts = check_end(made, life)
    told = f"seed {seed}, {seconds:.0f} s{' with a wrong clock' if ahead else ''}: {accidents}"
    record_property("random accidents", f"{told}, {life.repeated} requests repeated; {counts}")


def _start(made: Hosts, wrong: Mapping[str, str]) -> None:
    """Start them; the first server and the first worker have the variables of a wrong clock."""
    for number in range(SERVERS):
        made.add_server(f"server {number + 1}", more={} if number else wrong)
    for number in range(WORKERS):
        made.add_worker(f"worker {number + 1}", more={} if number else wrong)
    made.start()
