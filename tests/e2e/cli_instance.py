"""Real processes: a server on a folder of its own, and commands beside it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from dayfile.__main__ import main as run_dayfile
from tests.support import doomed, warm

PATIENCE_SECONDS = 60
DOOMED = Path(doomed.__file__)


class Started(subprocess.Popen[str]):
    """A command that stays; as a context manager it is killed when the block fails, instead of being waited for."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None:
            self.kill()
        super().__exit__(kind, error, at)


Process = Started | warm.Started


@dataclass
class Instance:
    """An instance in a folder, and the command line as somebody in that folder has it."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    open_files: tuple[int, int] | None = None  # the soft and the hard limit of processes that stay

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of a command."""
        return {**os.environ, "DAYFILE_DATA_DIR": str(self.folder / "data"), **self.variables}

    def run(self, *words: str, text: str = "", expect: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        done = self._done(words, text)
        assert expect is None or done.returncode == expect, (words, done.stdout, done.stderr)
        return done

    def _done(self, words: Sequence[str], text: str) -> subprocess.CompletedProcess[str]:
        environment = self.environment
        if warm.is_enough_for(environment):
            return warm.run(words, folder=self.folder, environment=environment, text=text, timeout=PATIENCE_SECONDS)
        return subprocess.run(
            [sys.executable, "-m", "dayfile", *words],
            cwd=self.folder,
            env=environment,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )

    def json(self, *words: str) -> Any:
        """Return the output of a command with --json."""
        return json.loads(self.run(*words, "--json").stdout)

    def start(self, *words: str, doomed_at: str = "") -> Process:
        """Start a command that stays; `doomed_at` a step, it kills itself there (tests/support/doomed.py)."""
        environment = {**self.environment, "DOOMED_AT": doomed_at}
        # One that starts others is an interpreter of its own, as they are.
        if self.open_files is None and "--processes" not in words and warm.is_enough_for(environment):
            main = doomed.main if doomed_at else run_dayfile
            return warm.start(words, folder=self.folder, environment=environment, log=self.folder / "log", main=main)
        program = [sys.executable, *([str(DOOMED)] if doomed_at else ["-m", "dayfile"])]
        if self.open_files is not None:
            soft, hard = self.open_files
            program = ["/bin/sh", "-c", f'ulimit -Sn {soft} && ulimit -Hn {hard} && exec "$0" "$@"', *program]
        # Its log goes to a file: a pipe that nobody reads would stop it when it is full.
        with (self.folder / "log").open("a") as log:
            return Started(
                [*program, *words],
                cwd=self.folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def logged(self) -> Iterator[dict[str, Any]]:
        """Yield the events of the processes that stay, old and new, for as long as it is asked for."""
        command = ["tail", "-n", "+1", "-F", str(self.folder / "log")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as tail:
            assert tail.stdout is not None
            try:
                for line in tail.stdout:
                    if line.startswith("{"):
                        yield json.loads(line)
            finally:
                tail.kill()

    def log(self) -> str:
        """Return the log of the processes that stay."""
        return (self.folder / "log").read_text()


@dataclass(frozen=True)
class Server:
    """A server that is ready."""

    instance: Instance
    process: Process
    url: str


def ready_address(process: Process) -> str:
    """Wait for the line that a server prints when it is ready; an address in it at which it can be reached."""
    assert process.stdout is not None
    line = process.stdout.readline()
    # A public address that is set leads here for others only.
    match = re.search(r"http://([\w.]+:\d+)", line) or re.search(r"listens on ([\w.]+:\d+)", line)
    assert match, line
    return f"http://{match[1]}"


@contextmanager
def serving(instance: Instance, *options: str) -> Iterator[Server]:
    """A server on an instance, stopped in the end."""
    # One that does not stop in time is killed: it would hold its port, and be in the way of an innocent test.
    with instance.start("serve", "--port", "0", *options) as process:
        try:
            yield Server(instance, process, ready_address(process))
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE_SECONDS)
