"""The renewal of a lease, in a thread of its own, while the work that it covers goes on.

Apart, because it runs in a thread of its own, beside whatever work it is for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import Self

import structlog

from dayfile.clock import Clock
from dayfile.errors import LostClaim, Transient

log = structlog.get_logger()


class KeptLease:
    """A context manager that calls `extend` three times per lease while its block runs.

    LostClaim ends the calls silently: the work notices at its own next write, which is guarded. After any other error
    (an unavailable database, a bug), `extend` is called again when it is due, even after the lease has run out: the
    work keeps its claim as long as no other worker has taken it.
    """

    def __init__(self, extend: Callable[[], None], *, lease: timedelta, clock: Clock) -> None:
        self._extend = extend
        self._pause = lease.total_seconds() / 3
        self._clock = clock
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._clock.wait(self._done, self._pause):
            try:
                self._extend()
            except LostClaim:
                return
            except Transient as error:
                log.warning("lease.extend_failed", error=str(error))
            except Exception:
                log.exception("lease.extend_failed")
