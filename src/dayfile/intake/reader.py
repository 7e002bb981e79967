"""A process that reads chunks of a file.

Apart, because it imports this and no more: what the pool imports beside it is a third of a second of every start.
"""

from __future__ import annotations

import signal
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from dayfile.intake.chunk_reading import ReadChunk, UnreadChunk, read_chunk

_READY: Final = "ready"  # what a process says first
_OOM_SCORE: Final = "500"  # of 1000, as the first to be ended


def serve_reader(connection: Connection) -> None:
    """Read chunks that come through a pipe, one after the other, until its other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to the parent as well, which ends this one
    with suppress(OSError):  # if there is too little memory, the parent is to live
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, encoding="ascii")
    with suppress(EOFError, OSError):  # the parent is gone, however it ended
        connection.send(_READY)
        while True:
            chunk = connection.recv()
            answer = _answer(chunk)
            del chunk
            connection.send(answer)


def _answer(chunk: UnreadChunk) -> ReadChunk | None:
    """Return what is read; None for whatever fails, which fails again where its error is told."""
    with suppress(Exception):
        return read_chunk(chunk)
    return None
