"""Wake-ups between processes on PostgreSQL: who submits a job need not wait until a worker looks.

They only make it prompt. Each loop looks once a second all the same, so what nobody hears is found all the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

import structlog

from dayfile.clock import Clock
from dayfile.errors import Transient
from dayfile.store.database import Database
from dayfile.store.listening import Listening

log = structlog.get_logger()

LEAST_SECONDS: Final = 0.1
"""Time between two that one process tells: each takes a lock that all commits of the server's notifiers share."""

CHECKED_SECONDS: Final = 60.0
"""Time between the checks in which a process wakes itself."""

HEARD_WITHIN_SECONDS: Final = 2.0
"""Time in which it must hear itself."""

_LOOKS_EVERY: Final = 0.5
_AGAIN_SECONDS: Final = 5.0


class WakeUps:
    """The wake-ups of one process: what it tells others, and what others tell it."""

    def __init__(
        self, database: Database, *, url: str, name: str, clock: Clock, wakes: Mapping[str, Callable[[], None]]
    ) -> None:
        """Take the URL to listen at, a name that no other process has, and what to call for each topic."""
        self._database, self._url, self._clock, self._wakes = database, url, clock, wakes
        self._own = f"check {name}"
        self._to_tell: set[str] = set()
        self._telling, self._stop = threading.Event(), threading.Event()
        self._threads: list[threading.Thread] = []
        self._is_heard: bool | None = None  # None: not known yet

    def start(self) -> None:
        """Begin to listen, and to tell from a thread of its own."""
        for name, run in (("listening", self._listen), ("telling", self._tell_others)):
            self._threads.append(threading.Thread(target=run, name=name, daemon=True))
            self._threads[-1].start()

    def stop(self) -> None:
        """Stop both."""
        self._stop.set()
        self._telling.set()
        for thread in self._threads:
            thread.join()

    def tell(self, topic: str) -> None:
        """Wake the other processes for a topic, soon, after the commit of what they shall find. Never raises."""
        if not self._threads:  # a command: it will have ended before a thread came to it
            self._send(topic)
            return
        self._to_tell.add(topic)
        self._telling.set()

    def are_heard(self) -> bool:
        """Try whether this process hears what it tells itself; raises Transient if the database is away."""
        with Listening.begin(self._url) as session:
            self._database.notify(self._own)
            # Others may tell something meanwhile.
            return any(self._own in session.heard(within_seconds=HEARD_WITHIN_SECONDS) for _ in range(3))

    def _tell_others(self) -> None:
        while not self._stop.is_set():
            self._telling.wait()
            self._telling.clear()
            while self._to_tell:
                self._send(self._to_tell.pop())
            self._clock.wait(self._stop, LEAST_SECONDS)

    def _send(self, topic: str) -> None:
        with suppress(Transient):  # they will look anyway
            self._database.notify(topic)

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                with Listening.begin(self._url) as session:
                    for wake in self._wakes.values():
                        wake()  # something may have been told while nobody listened
                    self._follow(session)
            except Transient as error:
                self._note(is_heard=False, reason=str(error))
                self._clock.wait(self._stop, _AGAIN_SECONDS)

    def _follow(self, session: Listening) -> None:
        checked_at, waits = float("-inf"), False
        while not self._stop.is_set():
            at = self._clock.monotonic()
            if at - checked_at >= CHECKED_SECONDS:
                checked_at, waits = at, True
                self._send(self._own)
            for topic in session.heard(within_seconds=_LOOKS_EVERY):
                if topic == self._own:
                    waits = False
                    self._note(is_heard=True)
                elif topic in self._wakes:
                    self._wakes[topic]()
            if waits and self._clock.monotonic() - checked_at >= HEARD_WITHIN_SECONDS:
                waits = False
                self._note(is_heard=False, reason="what this process told itself did not arrive")

    def _note(self, *, is_heard: bool, reason: str = "") -> None:
        was, self._is_heard = self._is_heard, is_heard
        if is_heard and was is False:
            log.info("wake_ups.heard")
        elif not is_heard and was is not False:
            log.warning(
                "wake_ups.unheard",
                reason=reason,
                what_to_do="nothing is lost, and work is found within a second; if a pooler is in between, set "
                "DAYFILE_DATABASE_LISTEN_URL to the server itself",
            )
