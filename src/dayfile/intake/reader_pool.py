"""Processes that read the chunks of a file beside the one that commits them: reading is most of the work.

Each has a pipe of its own, and one chunk at a time. The parent waits for the pipes and for the ends of the processes
together, so one that is killed is noticed whatever it was doing: its chunk is read by another one, or by the parent.
Nothing is lost or doubled by that, since a process only reads; what it has read counts once the parent commits it.

They are spawned. A fork would copy locks that threads of the parent hold; children of a fork server would not be the
parent's own, and it could not see by which signal they ended.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Final, Self

import structlog

from dayfile.intake.chunk_reading import ReadChunk, UnreadChunk
from dayfile.intake.reader import serve_reader

log = structlog.get_logger()

_SPAWN: Final = multiprocessing.get_context("spawn")
_MOST_TRIES = 2  # of a chunk whose process ended: it may be the reason


class PendingChunk:
    """One chunk that processes read."""

    def __init__(self, chunk: UnreadChunk) -> None:
        self.chunk: UnreadChunk | None = chunk  # None once it is done
        self.result: ReadChunk | None = None  # None if it has to be read by the parent
        self.tries = 0

    @property
    def is_done(self) -> bool:
        """True if there is a result, or will be none."""
        return self.chunk is None

    def end(self, result: ReadChunk | None) -> None:
        """Set the result, and forget the lines."""
        self.chunk, self.result = None, result


class ReaderPool:
    """A pool of processes, which start with the first chunk if not before, and end with the block of the pool."""

    def __init__(self, processes: int, *, serve: Callable[[Connection], None] | None = None) -> None:
        """Let each process run `serve` on its end of a pipe."""
        self.processes = processes
        self.is_started = False
        self._serve = serve or serve_reader
        self._members: list[_Member] = []
        self._waiting: deque[PendingChunk] = deque()  # those that no process has yet

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for member in self._members:
            member.end()
        self._members = []

    @property
    def is_ready(self) -> bool:
        """True once there is a process that can read."""
        return any(member.is_ready for member in self._members)

    def start(self) -> None:
        """Start the processes and wait until each of them can read, or has ended."""
        self._start()
        while not all(member.is_ready for member in self._members):
            self._hear(timeout=None)

    def begin(self, chunk: UnreadChunk) -> PendingChunk:
        """Have a chunk read, in its turn; `finish` takes the result."""
        if not self.is_started:
            self._start()
        pending = PendingChunk(chunk)
        self._waiting.append(pending)
        self.attend()
        return pending

    def finish(self, pending: PendingChunk) -> ReadChunk | None:
        """Wait until a chunk is read; return None if the parent has to read it, and see its errors.

        While the processes start, it has to.
        """
        self.attend()
        if not self.is_ready and pending in self._waiting:
            self._waiting.remove(pending)
            pending.end(None)
        while not pending.is_done:
            self._hear(timeout=None)
            self._hand_out()
        return pending.result

    def attend(self) -> None:
        """Take what the processes have read by now, and give them more, without waiting for them."""
        self._hear(timeout=0)
        self._hand_out()

    def _start(self) -> None:
        self.is_started = True
        try:
            with _without_interrupts():
                for _ in range(self.processes):
                    self._members.append(_Member(self._serve))
        except OSError as error:  # no memory, or no more processes for this user: so many do, or none
            log.warning("intake.reader_not_started", running=len(self._members), error=str(error))

    def _hear(self, *, timeout: float | None) -> None:
        """Take an answer of each process that has one, or has ended."""
        sources = [source for member in self._members for source in member.sources]
        ready = wait(sources, timeout) if sources else []
        for member in [member for member in self._members if not set(member.sources).isdisjoint(ready)]:
            try:
                member.hear()
            except (EOFError, OSError):
                self._lose(member)

    def _hand_out(self) -> None:
        while self._waiting and (idle := next((member for member in self._members if member.is_idle), None)):
            try:
                idle.give(self._waiting.popleft())
            except OSError:
                self._lose(idle)
        if not self._members:
            for pending in self._waiting:
                pending.end(None)
            self._waiting.clear()

    def _lose(self, member: _Member) -> None:
        """Do without a process that has ended; another one takes its chunk first of all."""
        self._members.remove(member)
        exit_code = member.end()
        log.warning("intake.reader_ended", exit_code=exit_code, left=len(self._members))
        pending = member.pending
        if pending is None:
            return
        if pending.tries < _MOST_TRIES:
            self._waiting.appendleft(pending)
        else:
            pending.end(None)


class _Member:
    """One process, and the parent's end of its pipe."""

    def __init__(self, serve: Callable[[Connection], None]) -> None:
        """Start the process; raises OSError."""
        self.is_ready = self.is_idle = False  # it says when it is
        self.pending: PendingChunk | None = None
        self._connection, theirs = _SPAWN.Pipe()
        self._process: BaseProcess = _SPAWN.Process(target=serve, args=(theirs,), name="reader", daemon=True)
        try:
            self._process.start()
        except BaseException:
            self._connection.close()
            raise
        finally:
            theirs.close()  # the process has the only one, so its end ends the pipe

    @property
    def sources(self) -> tuple[Connection, int]:
        """The sources that become ready when there is an answer, or the process has ended."""
        return self._connection, self._process.sentinel

    def give(self, pending: PendingChunk) -> None:
        """Send a chunk to the process, which is idle and takes it at once; raises OSError if it has ended."""
        self.is_idle, self.pending = False, pending
        pending.tries += 1
        self._connection.send(pending.chunk)

    def hear(self) -> None:
        """Take an answer; raises EOFError or OSError if the process has ended without one."""
        if not self._connection.poll():
            raise EOFError
        answer = self._connection.recv()
        if self.pending is not None:
            self.pending.end(answer)
        self.is_ready = self.is_idle = True
        self.pending = None

    def end(self) -> int | None:
        """End the process, if it has not ended; return its exit code, a signal's number as a negative one."""
        self._connection.close()
        self._process.kill()
        self._process.join()
        exit_code = self._process.exitcode
        self._process.close()
        return exit_code


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Hold back Ctrl-C in this thread, and in processes that it starts, until they ignore it."""
    resource_tracker.ensure_running()  # it comes with the first process, and its start would let Ctrl-C through again
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
