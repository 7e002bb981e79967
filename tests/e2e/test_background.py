"""A test run that a script started in the background, where Ctrl-C is ignored from the start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.cli_instance import Instance

ROOT = Path(__file__).parents[2]

INTERRUPTS = """
import os, signal
import pytest

def test_what_is_started_can_be_interrupted():
    import subprocess, sys
    waits = "import sys; print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", waits], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == -signal.SIGINT
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
"""


def test_a_run_in_the_background_sets_the_signals_that_tests_rely_on(tmp_path: Path) -> None:
    """`make test &` in a script: the shell has it ignore SIGINT, and every process would inherit that."""
    (tmp_path / "test_interrupts.py").write_text(INTERRUPTS)
    pytest_in_background = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml")),
        *("--rootdir", str(ROOT), f"--confcutdir={ROOT}", "-p", "tests.conftest", str(tmp_path / "test_interrupts.py")),
    ]
    done = subprocess.run(
        ["/bin/sh", "-c", 'trap "" INT; exec "$0" "$@"', *pytest_in_background],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_command_that_stays_ends_with_a_block_that_fails(tmp_path: Path) -> None:
    """A process that a failed test leaves running makes innocent tests after it fail."""
    with pytest.raises(ZeroDivisionError), Instance(tmp_path).start("serve", "--port", "0") as process:
        raise ZeroDivisionError
    assert process.returncode == -signal.SIGKILL
