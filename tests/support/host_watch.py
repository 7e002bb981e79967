"""A watchdog over the hosts of one test process: it kills those that are left when that process has gone.

It is told their ids on a pipe whose other end only that process has, as that of PostgreSQL is (`postgres_watch.py`).
"""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
from contextlib import suppress


def watch_over(pid: int) -> None:
    """Have a process killed when this one has gone, unless it has ended by then."""
    told = _watchdog().stdin
    assert told is not None
    told.write(f"{pid}\n")
    told.flush()


@functools.cache
def _watchdog() -> subprocess.Popen[str]:
    # A session of its own: what is sent to all processes of a run does not reach it.
    return subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, start_new_session=True, text=True)


def _kill_in_the_end() -> None:
    watched = []
    for line in sys.stdin:
        with suppress(ProcessLookupError):
            watched.append(os.pidfd_open(int(line)))  # an id is given again, and this is not
    for one in watched:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(one, signal.SIGKILL)


if __name__ == "__main__":
    _kill_in_the_end()
