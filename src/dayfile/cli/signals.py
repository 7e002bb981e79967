"""The stop flag of a process, set by a signal, from another thread, or by the end of its standard input."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

_BY_SIGNAL = 128  # added to a signal's number for the exit code, as shells do
_DISCARDED_BYTES = 1 << 16  # of an input of which only the end counts, at a time


class Stop:
    """A one-shot stop flag, safe to set from a signal handler.

    It is a pipe, not a threading.Event, whose lock may be held by the very thread that the signal interrupts. With
    `until_end_of` a descriptor, the end of what can be read there sets it, too, for whoever waits.
    """

    def __init__(self, *, until_end_of: int | None = None) -> None:
        self._hear, self._say = os.pipe()
        self._heard = [self._hear] if until_end_of is None else [self._hear, until_end_of]
        os.set_blocking(self._say, False)  # as signal.set_wakeup_fd requires
        self.is_told = False

    def tell(self) -> None:
        """Set the flag; safe from any thread and from a signal handler."""
        self.is_told = True
        os.write(self._say, b".")

    def fileno(self) -> int:
        """Return the file descriptor for signal.set_wakeup_fd: a byte written to it ends `wait`, too."""
        return self._say

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the flag is set, at most `seconds` if given; return True if it is."""
        while True:
            heard, _, _ = select.select(self._heard, [], [], seconds)
            if self._hear in heard:
                return True
            if heard and _is_at_end(heard[0]):
                self._heard.remove(heard[0])
                self.tell()
            elif seconds is not None:
                return False

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._hear)
        os.close(self._say)


def _is_at_end(descriptor: int) -> bool:
    """Read on, and return True if there is no more to come."""
    try:
        return not os.read(descriptor, _DISCARDED_BYTES)
    except OSError:  # a terminal that was closed, for instance
        return True


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Have SIGTERM and Ctrl-C end the block wherever it is, once: what follows puts away, and is not ended again."""

    def end(number: int, _: FrameType | None) -> NoReturn:
        for one in former:
            signal.signal(one, signal.SIG_IGN)
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        sys.exit(_BY_SIGNAL + number)

    former = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in former:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, action in former.items():
            signal.signal(number, action)


@contextmanager
def told_by_signals(*, by_terminal: bool = True, until_stdin_ends: bool = False) -> Iterator[Stop]:
    """Provide a Stop that SIGTERM and Ctrl-C set. A second signal ends the process at once, which loses nothing.

    A supervised process ignores Ctrl-C (`by_terminal=False`): the terminal sends it to the supervisor as well. One that
    is to end with the program that started it is told `until_stdin_ends`, too.
    """
    stop = Stop(until_end_of=sys.stdin.fileno() if until_stdin_ends and sys.stdin else None)
    if until_stdin_ends and not sys.stdin:  # closed from the start
        stop.tell()

    def on_signal(number: int, _: FrameType | None) -> None:
        if stop.is_told:
            os._exit(_BY_SIGNAL + number)
        stop.tell()

    wanted = {signal.SIGTERM: on_signal, signal.SIGINT: on_signal if by_terminal else signal.SIG_IGN}
    former = {number: signal.signal(number, action) for number, action in wanted.items()}
    # Without it, a signal between the last bytecode and the system call of `wait` would not end the wait.
    former_descriptor = signal.set_wakeup_fd(stop.fileno(), warn_on_full_buffer=False)
    try:
        yield stop
    finally:
        signal.set_wakeup_fd(former_descriptor)
        for number, action in former.items():
            signal.signal(number, action)
        stop.close()
