"""Processes that read the lines of a file beside the one that takes them in: reading is most of the work."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from datetime import datetime
from multiprocessing.process import BaseProcess
from typing import Final, Self

from dayfile.errors import Transient
from dayfile.intake.lines import Lines
from dayfile.model.block_reader import BlockReader, Part
from dayfile.model.resource import ResourceType

_SPAWN: Final = multiprocessing.get_context("spawn")


class ReadBefore:
    """A reader of lines that were read before: it gives their parts, some lines after the others."""

    def __init__(self, parts: Sequence[Sequence[Part]]) -> None:
        self._parts = iter(parts)

    def read(self, _: Sequence[bytes]) -> Iterator[Part]:
        """Yield the parts of the next lines."""
        return iter(next(self._parts))


class ReadingPool:
    """A pool of processes, which start when the first lines are given to them."""

    def __init__(self, processes: int) -> None:
        self.processes = processes
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def read(
        self, blocks: Sequence[Lines], resource_type: ResourceType, *, keep_dropped: bool, now: datetime
    ) -> Callable[[], ReadBefore]:
        """Begin to read lines; return the function that waits for their parts.

        It raises Transient if the process that reads has been ended, by a lack of memory for instance.
        """
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self.processes, mp_context=_SPAWN, initializer=_begin)
        texts = [lines.texts for lines in blocks]
        read = self._pool.submit(_read, texts, resource_type, keep_dropped=keep_dropped, now=now)
        return lambda: _result(read)


def _result(read: Future[list[list[Part]]]) -> ReadBefore:
    try:
        return ReadBefore(read.result())
    except BrokenProcessPool as error:
        raise Transient("a process that read lines has been ended: run it again to go on") from error


def _read(
    texts: Sequence[Sequence[bytes]], resource_type: ResourceType, *, keep_dropped: bool, now: datetime
) -> list[list[Part]]:
    reader = BlockReader(resource_type, keep_dropped=keep_dropped, now=now)
    return [list(reader.read(some)) for some in texts]


def _begin() -> None:
    """Leave Ctrl-C to the parent, and end with it, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), name="watching", daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    """End this process when the parent is gone: one that was killed cannot tell it, and it would wait for ever."""
    parent.join()
    os._exit(1)
