"""The instance as the page sees it."""

from __future__ import annotations

from typing import Protocol

from dayfile.checks.vitals import Vitals
from dayfile.clock import Clock
from dayfile.objects.storage_probe import StorageProbe
from dayfile.store.database import Database
from dayfile.web.audience import Reception


class Instance(Reception, Protocol):
    """The parts of an instance that the page uses. It changes nothing but sessions."""

    @property
    def database(self) -> Database:
        """The state database."""
        ...

    @property
    def storage_probe(self) -> StorageProbe:
        """The probe of the object storage."""
        ...

    @property
    def clock(self) -> Clock:
        """The time."""
        ...

    @property
    def vitals(self) -> Vitals:
        """The vital signs: workers, overdue work, free space, and what else an operator has to look at."""
        ...
