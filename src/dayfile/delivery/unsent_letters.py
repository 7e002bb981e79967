"""Letters that lie in the mail folder and that nobody has: until they are taken from there, or told again."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from dayfile.delivery.mail_folder import letter_path
from dayfile.model.notice import EventSid, NoticeState
from dayfile.store.database import Database

MOST_COUNTED: Final = 1000
"""So many letters are looked for at most: more of them are not worse."""


class UnsentLetters:
    """The unsent letters of one instance. Who takes a letter out of `folder` has seen to it."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.folder = folder
        self._database = database

    def count(self) -> int:
        """Count unsent letters that still lie in the folder, among the newest MOST_COUNTED."""
        with self._database.snapshot() as tx:
            unsent = tx.notices.page(state=NoticeState.UNSENT, limit=MOST_COUNTED)
        return sum(self._lies_there(notice.sid) for notice in unsent)

    def _lies_there(self, sid: EventSid) -> bool:
        try:
            return letter_path(self.folder, sid).exists()
        except OSError:  # a folder that cannot be looked into: better one letter too many than one too few
            return True
