"""E-mail without a server: letters are written to a folder for the operator, one file per notice.

Nobody has received such a letter: its notice is unsent as long as the file is there.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dayfile.delivery.transport import Credentials
from dayfile.delivery.unsent_letters import letter_path
from dayfile.errors import StorageUnavailable
from dayfile.files import disk, private
from dayfile.model.notice import Notice, Outcome, Result

if TYPE_CHECKING:
    from dayfile.delivery.letter import Letters

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
