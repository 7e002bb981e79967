"""The listener for metrics, beside the server and the worker: for whoever watches over them, and nobody else."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final

import structlog

from dayfile.cli.http_server import Chosen, HttpServer, listen
from dayfile.service import Service
from dayfile.setting_rules import split_listener
from dayfile.settings import Settings
from dayfile.web.limits import Limits

_LIMITS: Final = Limits(connections=32, reserve=8, per_address=32, backlog=32)
_NAMED: Final = "DAYFILE_METRICS_LISTEN"
_IN_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder with a name that nobody can guess is made in it

_log = structlog.get_logger()


def metrics_socket(settings: Settings) -> socket.socket | nullcontext[None]:
    """Return a socket that listens where the settings want metrics to be read; a context of None if they do not.

    Raises Unusable, which says what to do.
    """
    if settings.metrics_listen is None:
        return nullcontext()
    host, port = split_listener(settings.metrics_listen)
    return listen(host, port, backlog=_LIMITS.backlog, chosen=Chosen(host=_NAMED, host_or_option=_NAMED, port=_NAMED))


@contextmanager
def metrics_served(service: Service, listening: socket.socket | None) -> Iterator[None]:
    """Answer on the socket while the block runs; without a socket, do nothing.

    If the listener fails, what the process is there for goes on, and Prometheus tells that it does not answer.
    """
    if listening is None:
        yield
        return
    host, port = listening.getsockname()[:2]
    _log.info("metrics.listening", host=host, port=port)
    server = HttpServer(service.insight.metrics.app(), listening, limits=_LIMITS, proxies=None, stop=None)
    server.start()
    try:
        yield
    finally:
        server.stop()
        server.join()


@contextmanager
def counters_folder() -> Iterator[Path]:
    """Provide a folder for the counters of several processes, in memory where the system has such a place.

    A process writes to mapped files: where a disk is full, that would kill it.
    """
    parent = _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK | os.X_OK) else None
    with tempfile.TemporaryDirectory(prefix="dayfile-counters-", dir=parent) as folder:
        yield Path(folder)
