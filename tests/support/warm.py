"""Commands in processes of their own that are forked from one that has imported everything: real, and soon there.

Most of the time of a command is spent on imports: a hundred of them would take minutes of a test run. A process that is
forked has its own memory, folder, environment, files and exit code, like one that was started. What only a new
interpreter obeys (its PYTHON... variables, a library preloaded into it) needs one: see `is_enough_for`.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Final

from dayfile.__main__ import main

_IMPORTED: Final = [__name__, "dayfile.cli.app", "dayfile.service", "dayfile.opening", "alembic.command", "httpx2"]

_context: ForkServerContext = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(_IMPORTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    folder: Path
    environment: Mapping[str, str]
    files: Path  # the folder of the files that are its standard input, output and error
    umask: int


def is_enough_for(environment: Mapping[str, str]) -> bool:
    """Return True if a command with this environment needs no interpreter of its own."""
    peculiar = (name for name in environment if name.startswith(("PYTHON", "LD_", "FAKETIME")))
    return all(environment[name] == os.environ.get(name) for name in peculiar)


def run(
    words: Sequence[str], *, folder: Path, environment: Mapping[str, str], text: str, timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end. Raises subprocess.TimeoutExpired after `timeout` seconds, and has killed it."""
    with tempfile.TemporaryDirectory() as name:
        files = Path(name)
        (files / "0").write_text(text)
        umask = os.umask(0)
        os.umask(umask)
        place = _Place(folder=folder, environment=environment, files=files, umask=umask)
        process = _context.Process(target=_command, args=(words, place))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(list(words), timeout)
        return subprocess.CompletedProcess(
            list(words), process.exitcode, (files / "1").read_text(), (files / "2").read_text()
        )


def _command(words: Sequence[str], place: _Place) -> None:
    """Be the command: multiprocessing makes an exit code of what SystemExit says."""
    os.umask(place.umask)
    os.chdir(place.folder)
    os.environ.clear()
    os.environ.update(place.environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by the process that it was forked from
    for number in range(3):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT
        descriptor = os.open(place.files / str(number), flags)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - they live as long as the process
        for number, mode in enumerate("rww")
    )
    sys.argv = ["dayfile", *words]
    try:
        main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
