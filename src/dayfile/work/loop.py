"""A loop: runs its steps as long as there is something to do, and idles when there is not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import structlog

from dayfile.clock import Clock
from dayfile.counters import Counters
from dayfile.errors import Transient
from dayfile.spans import NO_SPANS, Spans

log = structlog.get_logger()

Steps = Mapping[str, Callable[[], bool]]
"""Steps by name, in order. Each returns False if there was nothing to do."""

IDLE_SECONDS = 1.0
"""Pause when there was nothing to do; `wake` cuts it short."""

TROUBLE_SECONDS = 5.0
"""Pause of a step that failed; the others go on."""


class Loop:
    """A thread that runs its steps in turn, over and over, until it is stopped."""

    def __init__(
        self, name: str, steps: Steps, *, clock: Clock, counters: Counters | None = None, spans: Spans = NO_SPANS
    ) -> None:
        self._steps = steps
        self._clock = clock
        self._counters, self._spans = counters or Counters(), spans
        self._resting: dict[str, float] = {}
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """End the pause now: there may be something to do."""
        self._wake.set()

    def stop(self) -> None:
        """Ask the loop to end; a running step is finished first."""
        self._stop.set()
        self._wake.set()

    def join(self) -> None:
        """Wait until the thread has ended."""
        self._thread.join()

    def tick(self) -> bool:
        """Run each step once; False if there was nothing to do. A step that raises is logged and pauses for a while."""
        done = [self._try(name, step) for name, step in self._steps.items()]
        return any(done)

    def _run(self) -> None:
        while not self._stop.is_set():
            if not self.tick():
                self._clock.wait(self._wake, IDLE_SECONDS)
            self._wake.clear()

    def _try(self, name: str, step: Callable[[], bool]) -> bool:
        if self._stop.is_set() or self._clock.monotonic() < self._resting.get(name, 0.0):
            return False
        try:
            has_done = step()
        except Transient as error:
            log.warning("worker.waiting", loop=self._thread.name, step=name, reason=str(error))
            self._failed(name, error)
        except Exception as error:
            # A bug in one step must neither end the loop nor keep the other steps from running.
            log.exception("worker.step_failed", loop=self._thread.name, step=name)
            self._failed(name, error)
        else:
            if has_done:
                self._counters.stepped(name)
            return has_done
        self._resting[name] = self._clock.monotonic() + TROUBLE_SECONDS
        return False

    def _failed(self, name: str, error: Exception) -> None:
        self._counters.failed(error)
        # Only then: a span for each look that found nothing would be most of them.
        with self._spans.span("worker step", {"dayfile.step": name}) as span:
            span.failed(error)


def run_all(steps: Steps) -> bool:
    """Run each step once; False if there was nothing to do. If steps fail, raises the first error at the end."""
    done, failures = False, []
    for step in steps.values():
        try:
            done = step() or done
        except Exception as error:  # noqa: BLE001 - it is raised below
            failures.append(error)
    if failures:
        raise failures[0]
    return done
