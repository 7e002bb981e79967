"""Remains of a test run that was killed: there must be none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.postgres_watch import gone

ROOT = Path(__file__).parents[3]

STARTS_AND_WAITS = """
import sys
from pathlib import Path
from tests.support import postgres, postgres_watch
database = postgres.a_postgres_database()
with database.exclusively() as connection:
    folder = connection.exec_driver_sql("SHOW data_directory").scalar_one()
print(folder, postgres_watch.postmaster_of(Path(folder)), postgres_watch._WATCHDOGS[0].pid, flush=True)
sys.stdin.read()
"""


def test_a_killed_run_leaves_no_server() -> None:
    """Servers of killed runs would pile up until the machine has no memory left."""
    command = [sys.executable, "-c", STARTS_AND_WAITS]
    variables = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=variables
    ) as run:
        assert run.stdout is not None
        folder, server, watchdog = run.stdout.readline().split()
        run.kill()
    assert gone(int(watchdog), within_seconds=60)
    assert gone(int(server), within_seconds=0)
    assert not Path(folder).exists()
