"""E-mail without a server: letters are written to a folder for the operator, one file per notice.

Nobody has received such a letter: its notice is unsent as long as the file is there and it is not replayed.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dayfile.delivery.transport import Credentials
from dayfile.errors import StorageUnavailable
from dayfile.files import disk, private
from dayfile.model.notice import EventSid, Notice, NoticeState, Outcome, Result
from dayfile.store.database import Database

if TYPE_CHECKING:
    from dayfile.delivery.letter import Letters

MOST_COUNTED: Final = 1000
"""Limit of the count: more unsent letters make no difference."""

_WHY = "no mail server is set: the letter was put into the mail folder of this server's operator"


class MailFolder:
    """The transport to a folder: it writes letters atomically and durably, and only once however often it is called."""

    def __init__(self, folder: Path, letters: Letters) -> None:
        self._folder = folder
        self._letters = letters

    def deliver(self, notice: Notice, *, attempt: int, credentials: Credentials, now: datetime) -> Outcome:
        letter = self._letters.write(notice)
        path = letter_path(self._folder, notice.sid)
        with disk.reported("put a letter into the mail folder"):
            folders = self._make_folder()
            descriptor, name = tempfile.mkstemp(prefix=f".{notice.sid}.", dir=self._folder)
            draft = Path(name)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(letter.content)
                    file.flush()
                    os.fsync(descriptor)
                with suppress(FileExistsError):  # an earlier attempt was made and not recorded
                    disk.publish(draft, path)
            finally:
                disk.discard([draft])
            for folder in folders:
                disk.sync_folder(folder)
        return Outcome(result=Result.UNSENT, status=None, error=_WHY, answer=b"", retry_after=None)

    def _make_folder(self) -> list[Path]:
        """Create the folder if it is missing; return the folders to fsync. Raises StorageUnavailable."""
        try:
            return [*private.make_folder(self._folder), self._folder]
        except NotADirectoryError as error:
            message = "cannot put a letter into the mail folder: a file is in its place"
            raise StorageUnavailable(message) from error


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
