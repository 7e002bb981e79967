"""The README's quick start, run word for word but for the port and the values that it leaves open."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
SHELL: list[str] = re.findall(r"```sh\n(.*?)```", README.partition("## Quick start")[2], flags=re.DOTALL)
PYTHON: list[str] = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
DAY = "2026-10-01"


class QuickStart:
    """A server started for the reader of the README, and the shell they type into."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self._address = address
        self._variables = {**os.environ, "DAYFILE_DATA_DIR": str(folder / "data")}
        account = json.loads(self.type(_line("dayfile accounts create")))
        key = json.loads(self.type(_line("dayfile keys create")))
        self._variables |= {"ACCOUNT_SID": account["account_sid"], "AUTH_TOKEN": account["auth_token"]}
        self._variables |= {"KEY_SID": key["sid"], "KEY_SECRET": key["secret"]}

    def type(self, text: str) -> str:
        """Run shell lines as the README has them; what they print."""
        # Of the environment that runs the tests, whether or not it is the active one.
        script = f'set -eo pipefail\ndayfile() {{ "{sys.executable}" -m dayfile "$@"; }}\n{text}'
        return self._run(["bash", "-c", script.replace("http://localhost:8080", self._address)])

    def type_python(self, text: str) -> str:
        """Run a Python script as the README has it; what it prints."""
        return self._run([sys.executable, "-c", text.replace("http://localhost:8080", self._address)])

    def _run(self, command: list[str]) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self._variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return str(done.stdout)


def _line(start: str) -> str:
    return next(line for line in SHELL[0].splitlines() if line.startswith(start))


@pytest.fixture
def quick_start(tmp_path: Path) -> Iterator[QuickStart]:
    """A quick start whose server is ready."""
    if not shutil.which("curl"):
        pytest.skip("there is no curl here, and the README uses it")
    variables = {**os.environ, "DAYFILE_DATA_DIR": str(tmp_path / "data"), "DAYFILE_PORT": "0"}
    command = [sys.executable, "-m", "dayfile", "serve"]
    with subprocess.Popen(command, cwd=tmp_path, env=variables, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            ready = server.stdout.readline()
            yield QuickStart(tmp_path, re.search(r"http://[\w.]+:\d+", ready)[0])  # type: ignore[index]
        finally:
            server.terminate()


def test_the_quick_start_runs(quick_start: QuickStart) -> None:
    """It is the first thing anybody tries, and the last if it fails."""
    _, send, ask, fetch, commands = SHELL
    receipt = json.loads(quick_start.type(send))
    assert (receipt["accepted"], receipt["rejected"]) == (1, 0)
    assert json.loads(quick_start.type(ask))["friendly_name"] == "october"
    quick_start.type(commands)  # waits for its own job, and so for the one before it
    downloaded = next(quick_start.folder.glob("*.gz"))
    line = gzip.decompress(downloaded.read_bytes()).decode()
    assert '"body":"hello"' in line
    assert quick_start.type(fetch).endswith(line)


def test_the_quick_start_runs_with_the_python_library(quick_start: QuickStart) -> None:
    """Changing the base URL and nothing else is the promise of the first paragraph."""
    quick_start.type(SHELL[1])
    (script,) = PYTHON
    printed = quick_start.type_python(script)
    assert DAY in printed
    assert '"body":"hello"' in printed
