"""Commands in processes of their own that are forked from one that has imported everything: real, and soon there.

Most of the time of a command is spent on imports: hundreds of them would take minutes of a test run. A process that is
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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from dayfile.__main__ import main

# Not pyarrow: it begins a thread when it is imported, and no process should be forked from one that has two.
_IMPORTED: Final = [
    __name__,
    "dayfile.cli.app",
    "dayfile.cli.processes",
    "dayfile.opening",
    "alembic.command",
    "alembic.config",
    "duckdb",
    "httpx2",
    "isal.igzip",
    "rich.progress",
    "sqlite3",
    "typer._adapters",
]

_context: ForkServerContext = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(_IMPORTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    folder: Path
    environment: Mapping[str, str]
    umask: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """The names of the files that are standard input, output and error."""

    names: tuple[Path, Path, Path]

    def open(self) -> list[int]:
        reads, writes = os.O_RDONLY, os.O_WRONLY | os.O_CREAT | os.O_APPEND
        return [os.open(name, writes if number else reads, 0o666) for number, name in enumerate(self.names)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pipe:
    """Nothing to read, a pipe to write to, and the name of a log."""

    output: Connection
    log: Path

    def open(self) -> list[int]:
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        return [os.open(os.devnull, os.O_RDONLY), self.output.fileno(), log]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terminal:
    """The name of a terminal, which is the one of this process from then on: its Ctrl-C interrupts it."""

    name: str

    def open(self) -> list[int]:
        os.setsid()
        terminal = os.open(self.name, os.O_RDWR)
        return [terminal, terminal, terminal]


def is_enough_for(environment: Mapping[str, str]) -> bool:
    """Return True if a command with this environment needs no interpreter of its own."""
    peculiar = (name for name in environment if name.startswith(("PYTHON", "LD_", "FAKETIME")))
    return all(environment[name] == os.environ.get(name) for name in peculiar)


def run(
    words: Sequence[str], *, folder: Path, environment: Mapping[str, str], text: str, timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end. Raises subprocess.TimeoutExpired after `timeout` seconds, and has killed it."""
    with tempfile.TemporaryDirectory() as name:
        given, said, complained = (Path(name) / str(number) for number in range(3))
        given.write_text(text)
        place = _place(folder, environment)
        process = _context.Process(target=_command, args=(words, place, _Files(names=(given, said, complained))))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(list(words), timeout)
        return subprocess.CompletedProcess(
            list(words), process.exitcode, *(file.read_text() if file.exists() else "" for file in (said, complained))
        )


def start(
    words: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    log: Path,
    main: Callable[[], None] = main,
) -> Started:
    """Start a command that stays; what it complains of is added to the log. Another `main` may run it."""
    reader, writer = _context.Pipe(duplex=False)
    with reader, writer:
        files = _Pipe(output=writer, log=log)
        process = _context.Process(target=_command, args=(words, _place(folder, environment), files, main))
        process.start()
        return Started(process, output=os.dup(reader.fileno()))


def start_on_terminal(words: Sequence[str], *, folder: Path, environment: Mapping[str, str], terminal: str) -> Started:
    """Start a command on the terminal of this name."""
    process = _context.Process(target=_command, args=(words, _place(folder, environment), _Terminal(name=terminal)))
    process.start()
    return Started(process, output=os.open(os.devnull, os.O_RDONLY))


class Started:
    """A command that was started, with as much of subprocess.Popen as tests use.

    As a context manager it is killed when the block fails, instead of being waited for.
    """

    def __init__(self, process: BaseProcess, *, output: int) -> None:
        self._process = process
        self.stdout = open(output, encoding="utf-8")  # noqa: SIM115 - it is closed with the process

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def sentinel(self) -> int:
        """A descriptor that can be read once it has ended."""
        return self._process.sentinel

    @property
    def returncode(self) -> int | None:
        """Its exit code; None while it runs, and the negative number of the signal that ended it."""
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Have it end at once."""
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raises subprocess.TimeoutExpired."""
        self._process.join(timeout)
        if self.returncode is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(self._process.name, timeout)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, None]:
        """Wait for its end; what it said since it was last read. Raises subprocess.TimeoutExpired."""
        self.wait(timeout)
        said = "" if self.stdout.closed else self.stdout.read()
        self.stdout.close()
        return said, None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None:
            self.kill()
        self.stdout.close()
        self.wait()


def _place(folder: Path, environment: Mapping[str, str]) -> _Place:
    umask = os.umask(0)
    os.umask(umask)
    return _Place(folder=folder, environment=environment, umask=umask)


def _command(
    words: Sequence[str], place: _Place, files: _Files | _Pipe | _Terminal, main: Callable[[], None] = main
) -> None:
    """Be the command: multiprocessing makes an exit code of what SystemExit says."""
    os.umask(place.umask)
    os.chdir(place.folder)
    os.environ.clear()
    os.environ.update(place.environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by the process that it was forked from
    descriptors = files.open()
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    for descriptor in set(descriptors):
        os.close(descriptor)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - they live as long as the process
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - the same
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.argv = ["dayfile", *words]
    try:
        main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
