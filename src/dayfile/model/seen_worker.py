"""A worker as the others see it: that it runs, and when it last said so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

SAID_EVERY: Final = timedelta(seconds=15)
"""A worker that runs says so at least this often, however long its work takes."""

GONE_AFTER: Final = timedelta(seconds=60)
"""A worker that has not said so for this long does not run, or cannot reach the state database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenWorker:
    """One worker of an instance."""

    name: str  # host, process id and something that no other worker has, with slashes between them
    version: str
    started_at: datetime
    seen_at: datetime

    @property
    def host(self) -> str:
        """The name of the host that it runs on."""
        return self.name.partition("/")[0]

    def is_running(self, now: datetime) -> bool:
        """Return whether it was seen within GONE_AFTER; what a wrong clock saw long after now does not count."""
        return abs(now - self.seen_at) <= GONE_AFTER
