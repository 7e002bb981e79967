"""Unsent letters: those in the mail folder that the operator has neither taken out nor replayed."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from dayfile.model.notice import EventSid, NoticeState
from dayfile.store.database import Database

MOST_COUNTED: Final = 1000
"""Limit of the count: more unsent letters make no difference."""


class UnsentLetters:
    """The unsent letters of one instance. A letter that is taken out of `folder` is dealt with."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.folder = folder
        self._database = database

    def count(self) -> int:
        """Return the number of unsent letters that are still in the folder, among the newest MOST_COUNTED."""
        with self._database.snapshot() as tx:
            unsent = tx.notices.page(state=NoticeState.UNSENT, limit=MOST_COUNTED)
        return sum(self._lies_there(notice.sid) for notice in unsent)

    def _lies_there(self, sid: EventSid) -> bool:
        try:
            return letter_path(self.folder, sid).exists()
        except OSError:  # an unreadable folder: better to count a letter too many than one too few
            return True


def letter_path(folder: Path, sid: EventSid) -> Path:
    """Return where the letter of a notice lies in the mail folder."""
    return folder / f"{sid}.eml"
