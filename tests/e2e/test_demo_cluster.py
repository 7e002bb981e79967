"""`make demo-cluster`, as a program: on a cluster whose hosts are killed, the demo ends as on a laptop."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import ROOT

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


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_demo_on_a_cluster_leaves_nothing_behind_after_ctrl_c() -> None:
    """Ten processes and two servers: whoever has seen enough must not have to look for them."""
    with subprocess.Popen(COMMAND, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        folder = re.search(r"Everything is in (\S+),", process.stdout.readline())
        assert folder is not None
        line = next(line for line in process.stdout if "is killed" in line)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it: to all that are in the foreground
        assert process.wait(120) == 128 + signal.SIGINT, line
    assert not Path(folder[1]).exists()
    assert [at for at in _working_folders() if at.startswith(folder[1])] == []


def _working_folders() -> Iterator[str]:
    """The folders in which processes work."""
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            with suppress(OSError):  # it has ended, or is somebody else's
                yield str((process / "cwd").readlink())
