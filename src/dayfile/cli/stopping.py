"""Being told to stop, by a signal or from another thread."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_BY_SIGNAL = 128  # what shells add to a signal's number to make an exit code


class Stop:
    """A word that is given once and then stands.

    A pipe and not a threading.Event: the event's lock may be held by the very thread that a signal interrupts.
    """

    def __init__(self) -> None:
        self._hear, self._say = os.pipe()
        os.set_blocking(self._say, False)  # as Python wants it of what it writes to when a signal comes
        self.is_told = False

    def tell(self) -> None:
        """Say that it is time to stop; from any thread, and from a signal."""
        self.is_told = True
        os.write(self._say, b".")

    def fileno(self) -> int:
        """Where a byte gives the word, too."""
        return self._say

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the word, so long or as long as it takes; whether it was given."""
        heard, _, _ = select.select([self._hear], [], [], seconds)
        return bool(heard)

    def close(self) -> None:
        """Let go of the pipe."""
        os.close(self._hear)
        os.close(self._say)


@contextmanager
def told_by_signals(*, by_terminal: bool = True) -> Iterator[Stop]:
    """A Stop that SIGTERM gives, and Ctrl-C; given twice, the process ends at once, which loses nothing.

    A process that another one watches over leaves Ctrl-C to that one (`by_terminal=False`): the terminal tells both.
    """
    stop = Stop()

    def on_signal(number: int, _: FrameType | None) -> None:
        if stop.is_told:
            os._exit(_BY_SIGNAL + number)
        stop.tell()

    wanted = {signal.SIGTERM: on_signal, signal.SIGINT: on_signal if by_terminal else signal.SIG_IGN}
    former = {number: signal.signal(number, action) for number, action in wanted.items()}
    # A signal that comes between the last step of Python and the wait in the system would be noted, and waited past.
    former_descriptor = signal.set_wakeup_fd(stop.fileno(), warn_on_full_buffer=False)
    try:
        yield stop
    finally:
        signal.set_wakeup_fd(former_descriptor)
        for number, action in former.items():
            signal.signal(number, action)
        stop.close()
