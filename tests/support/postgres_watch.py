"""A watchdog over the PostgreSQL server of one test process: a program that waits until that process has gone.

A server outlives its owner when that one is killed, and would run until the machine is switched off. The watchdog holds
one end of a pipe whose other end only the owner has; when it closes, however that came, the server is stopped by the
process id in its own folder, and the folder deleted. Nothing is looked for by name.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

PATIENCE_SECONDS = 20


def watch(folder: Path) -> int:
    """Have a process of its own wait for the end of this one; its process id."""
    # A session of its own: what is sent to all processes of a run does not reach it.
    watchdog = subprocess.Popen([sys.executable, __file__, str(folder)], stdin=subprocess.PIPE, start_new_session=True)
    _WATCHDOGS.append(watchdog)
    return watchdog.pid


_WATCHDOGS: list[subprocess.Popen[bytes]] = []  # each with the end of the pipe that closes with this process


def postmaster_of(folder: Path) -> int | None:
    """The process id of the server of a folder, as its own file says; None where none runs."""
    try:
        return int((folder / "postmaster.pid").read_text().splitlines()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None


def gone(pid: int, *, within_seconds: float) -> bool:
    """Return True if a process, of any parent, has ended by then."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], within_seconds)[0])
    finally:
        os.close(process)


def _end(folder: Path) -> None:
    pid = postmaster_of(folder)
    if pid is not None:
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # its fast and its immediate shutdown, and none
            with suppress(ProcessLookupError):
                os.kill(pid, number)
            if gone(pid, within_seconds=PATIENCE_SECONDS):
                break
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.stdin.read()
    _end(Path(sys.argv[1]))
