"""Audit entries of download links: durable before a link is given, so that no file leaves without a trace.

Clients ask for hundreds of links at a time, so entries are committed in groups: those that arrive while a commit runs
share the next one.
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
"""Action of these entries in the audit log."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    deed: Deed
    written: Future[None] = field(default_factory=Future)


class GivenLinks:
    """A group commit of audit entries for links. Safe to call from any number of threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[_Waiting] = deque()
        self._committing = threading.Lock()

    @property
    def waiting(self) -> int:
        """Number of entries that wait for the next commit."""
        return len(self._waiting)

    def record(self, day_file: DayFile, *, actor: Actor, now: datetime) -> None:
        """Record that `actor` is given a link to this file; return once that is durable.

        Raises DatabaseUnavailable; the link must then not be given.
        """
        waiting = _Waiting(Deed.by(actor, action=LINK_GIVEN, subject=_subject(day_file), at=now))
        self._waiting.append(waiting)
        with self._committing:
            # The thread that held the lock before may have written this entry, too.
            if not waiting.written.done():
                self._write_all()
        waiting.written.result()

    def _write_all(self) -> None:
        group = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            with self._database.transaction() as tx:
                tx.audit.add_all([waiting.deed for waiting in group])
        except BaseException as error:  # noqa: BLE001 - it is raised in every thread of the group
            for waiting in group:
                waiting.written.set_exception(error)
        else:
            for waiting in group:
                waiting.written.set_result(None)


def _subject(day_file: DayFile) -> str:
    which = "empty" if day_file.sealed is None else f"revision-{day_file.sealed.revision}"
    return f"{day_file.account}/{day_file.resource_type}/{day_file.day}/{which}"
