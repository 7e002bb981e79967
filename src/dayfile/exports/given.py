"""Who was given a link to which file: written down before the link leaves, so that no file goes out unseen.

Whoever asks for links asks for hundreds, so those that come while a commit runs share the next one: as many commits as
the disk can do, however many links.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime

from dayfile.model.credential import Actor
from dayfile.model.export import DayFile
from dayfile.store.audit import Deed
from dayfile.store.database import Database

LINK_GIVEN = "link.given"
"""The action in the audit log."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    deed: Deed
    written: Future[None] = field(default_factory=Future)


class GivenLinks:
    """Writes down which links are given, from any number of threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[_Waiting] = deque()
        self._committing = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many wait for the commit after the one that runs."""
        return len(self._waiting)

    def record(self, day_file: DayFile, *, actor: Actor, now: datetime) -> None:
        """Return when it is durable that `actor` was given a link to this file.

        Raises DatabaseUnavailable; then the link must not be given.
        """
        waiting = _Waiting(Deed.by(actor, action=LINK_GIVEN, subject=_subject(day_file), at=now))
        self._waiting.append(waiting)
        with self._committing:
            # Whoever had the lock before may have written this one, too.
            if not waiting.written.done():
                self._write_all()
        waiting.written.result()

    def _write_all(self) -> None:
        group = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            with self._database.transaction() as tx:
                tx.audit.add_all([waiting.deed for waiting in group])
        except BaseException as error:  # noqa: BLE001 - it is raised to everybody in the group
            for waiting in group:
                waiting.written.set_exception(error)
        else:
            for waiting in group:
                waiting.written.set_result(None)


def _subject(day_file: DayFile) -> str:
    which = "empty" if day_file.sealed is None else f"revision-{day_file.sealed.revision}"
    return f"{day_file.account}/{day_file.resource_type}/{day_file.day}/{which}"
