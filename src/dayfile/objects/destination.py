"""The place that an instance moves to.

Apart, because settings are made a place of it where nothing of a move is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass

from dayfile.files.storage import Storage
from dayfile.store.database_url import file_of, shown_url


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """The place that an instance moves to; None for what stays where it is."""

    database: str | None  # its URL
    storage: Storage | None
    storage_url: str | None

    @property
    def shown_database(self) -> str | None:
        """The URL of the database, without a password."""
        return None if self.database is None else shown_url(self.database)

    @property
    def is_shared(self) -> bool:
        """True if the database is a server."""
        return self.database is not None and file_of(self.database) is None

    @property
    def where(self) -> str:
        """The place in words."""
        return " and ".join(place for place in (self.shown_database, self.storage_url) if place)
