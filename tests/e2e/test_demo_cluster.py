"""`make demo-cluster`, as a program: on a cluster whose hosts are killed, the demo ends as on a laptop."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.postgres_watch import gone
from tests.support.working_folders import working_in

COMMAND = [sys.executable, "-m", "tests.e2e.demo_cluster", "--records", "200", "--every", "1"]


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_the_demo_on_a_cluster_ends_with_the_hash_of_the_laptop() -> None:
    """Hosts are killed and frozen meanwhile, among them a scheduler; the last line is all that must be compared."""
    done = subprocess.run(COMMAND, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [on_laptop] = re.findall("SHA-256 of all texts: ([0-9a-f]{64})$", done.stdout, flags=re.MULTILINE)
    assert done.stdout.splitlines()[-1] == on_laptop
    for name in ("server 1", "worker 1", "worker 1 of Dask", "scheduler of Dask"):
        assert f"! {name} is killed, and started again" in done.stdout


@contextmanager
def running() -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """The demo, as far as its first accident, and its folder."""
    with subprocess.Popen(COMMAND, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        folder = re.search(r"Everything is in (\S+),", process.stdout.readline())
        assert folder is not None
        assert any("is killed" in line for line in process.stdout)
        yield process, Path(folder[1])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_demo_on_a_cluster_leaves_nothing_behind_after_ctrl_c() -> None:
    """Ten processes and two servers: whoever has seen enough must not have to look for them."""
    with running() as (process, folder):
        os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it: to all that are in the foreground
        assert process.wait(120) == 128 + signal.SIGINT
    assert not folder.exists()
    assert working_in(folder) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_demo_on_a_cluster_leaves_no_process_behind_when_it_is_killed() -> None:
    """Nobody can tidy up then, and hosts that go on would be in the way of whatever comes next."""
    with running() as (process, folder):
        hosts = working_in(folder)
        process.kill()
    assert hosts
    assert all(gone(host, within_seconds=60) for host in hosts)
    shutil.rmtree(folder)
