"""Audit entries of download links: durable before a link is given, so that no file leaves without a trace.

Clients ask for hundreds of links at a time, so entries are committed in groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dayfile.group_commit import GroupCommit, Size
from dayfile.model.credential import Actor
from dayfile.model.export import DayFile
from dayfile.store.audit import Deed
from dayfile.store.database import Database

LINK_GIVEN = "link.given"
"""Action of these entries in the audit log."""

RECORDS_SHOWN = "records.shown"
"""Action of entries for records that were shown on a page, without a link."""

_MOST_ENTRIES = 1000  # in a commit: others write in between


class GivenLinks:
    """A group commit of audit entries for links. Safe to call from any number of threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._group_commit = GroupCommit(self._commit, name="links", full_at=(_MOST_ENTRIES,), size=_entries)

    @property
    def unfinished(self) -> int:
        """Number of entries that wait or are being committed."""
        return self._group_commit.unfinished[0]

    def record(self, day_file: DayFile, *, actor: Actor, now: datetime) -> None:
        """Record that `actor` is given a link to this file; return once that is durable.

        Raises DatabaseUnavailable; the link must then not be given.
        """
        self.record_all([(day_file, actor)], now=now)

    def record_all(self, given: Sequence[tuple[DayFile, Actor]], *, now: datetime, action: str = LINK_GIVEN) -> None:
        """Record several links, each with whom it is given to, in one commit; raises as `record` does.

        `action` is another one for what is disclosed without a link.
        """
        if given:
            self._group_commit.commit(
                [Deed.by(actor, action=action, subject=_subject(day_file), at=now) for day_file, actor in given]
            )

    def _commit(self, groups: Sequence[Sequence[Deed]]) -> Sequence[None]:
        with self._database.transaction() as tx:
            tx.audit.add_all([deed for group in groups for deed in group])
        return [None] * len(groups)


def _entries(deeds: Sequence[Deed]) -> Size:
    return (len(deeds),)


def _subject(day_file: DayFile) -> str:
    which = "empty" if day_file.sealed is None else f"revision-{day_file.sealed.revision}"
    return f"{day_file.account}/{day_file.resource_type}/{day_file.day}/{which}"
