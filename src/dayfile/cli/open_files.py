"""The limit of open files, raised because each connection needs one and shells set a low limit."""

from __future__ import annotations

import resource
from contextlib import suppress

import structlog

_ENOUGH = 4096  # for the largest number of connections and everything else
_log = structlog.get_logger()


def raise_open_files() -> None:
    """Raise the limit of open files, for children too, to the hard limit; log a warning if that is low."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # a system may refuse its own hard limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if open_files() < _ENOUGH:
        _log.warning(
            "open_files.few",
            limit=open_files(),
            to_do=f"raise the hard limit of open files (ulimit -Hn) to {_ENOUGH} or more: each connection needs one",
        )


def open_files() -> int:
    """Return the number of files that this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 20 if soft == resource.RLIM_INFINITY else soft
