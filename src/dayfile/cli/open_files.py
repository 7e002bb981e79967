"""The limit of open files: each connection is one, and the shell's usual limit is lower than the system's."""

from __future__ import annotations

import resource
from contextlib import suppress

import structlog

_ENOUGH = 4096  # for as many connections as may wait, beside everything else
_log = structlog.get_logger()


def raise_open_files() -> None:
    """Let this process, and those it starts, open as many files as the system allows; log if those are few."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # a system may refuse what it names as its limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if open_files() < _ENOUGH:
        _log.warning(
            "open_files.few",
            limit=open_files(),
            to_do=f"raise the hard limit of open files (ulimit -Hn) to {_ENOUGH} or more: each connection needs one",
        )


def open_files() -> int:
    """Return how many files this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 20 if soft == resource.RLIM_INFINITY else soft
