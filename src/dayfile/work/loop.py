"""A loop: rounds as long as there is something to do, rest when there is not. It knows nothing of what a round does."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from dayfile.clock import Clock
from dayfile.errors import Transient

log = structlog.get_logger()

IDLE_SECONDS = 1.0
"""How long to rest when there was nothing to do; `wake` cuts it short."""

TROUBLE_SECONDS = 5.0
"""How long to rest after a round that failed."""


class Loop:
    """A thread that runs rounds until it is stopped. A round returns False when there was nothing to do."""

    def __init__(self, name: str, one_round: Callable[[], bool], *, clock: Clock) -> None:
        self._round = one_round
        self._clock = clock
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Do not rest any longer: there may be something to do."""
        self._wake.set()

    def stop(self) -> None:
        """Ask for the end; the round that runs is finished first."""
        self._stop.set()
        self._wake.set()

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            rest = self._rest_after_round()
            if rest:
                self._clock.wait(self._wake, rest)
            self._wake.clear()

    def _rest_after_round(self) -> float:
        try:
            return 0.0 if self._round() else IDLE_SECONDS
        except Transient as error:
            log.warning("worker.waiting", loop=self._thread.name, reason=str(error))
        except Exception:
            # A bug in one round must not end the loop: nothing else would be worked on any more.
            log.exception("worker.round_failed", loop=self._thread.name)
        return TROUBLE_SECONDS
