"""The folders and files of one instance, kept from other users of the machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dayfile.errors import Unusable
from dayfile.files.private import Closed, Exposed, close_database, close_folder, is_open, make_folder

_OWN: Final = frozenset(
    {"objects", "scratch", "mail", "segments", "sealed", "probes", "moves", "downloads", "server.log", ".door"}
)
_OWN_BEGINNINGS: Final = ("dayfile", "secret.key", ".secret.key.")
_OWN_ENDINGS: Final = (".eml", ".partial")
_SCRATCH: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFolders:
    """The folders and files in which an instance keeps what it writes."""

    data: Path
    storage: Path | None  # None: elsewhere
    database: Path | None  # None: no file

    def make(self) -> None:
        """Make the data folder if it is missing, closed from its first moment. Raises Unusable, with what to do."""
        try:
            make_folder(self.data)
        except OSError as error:
            raise self._unusable(error) from error

    def close(self) -> list[Exposed | Closed]:
        """Close all that is only this user's and Dayfile's; return what was open to others, and what still is.

        The content of a closed folder is closed. Raises Unusable, with what to do.
        """
        try:
            return list(self._close())
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> Unusable:
        return Unusable(
            f"the data folder {self.data} cannot be used: {error.strerror} ({error.filename}). "
            "Make it writable for this user, or set DAYFILE_DATA_DIR to another one"
        )

    def _close(self) -> Iterator[Exposed | Closed]:
        folders = (self.data, self.storage, self.data / "mail", self.data / "scratch")
        for folder in dict.fromkeys(folder for folder in folders if folder is not None):
            if folder.is_dir() and (folder == self.data or is_open(folder.parent)):
                found = close_folder(folder, is_own=self._is_own)
                if found is not None:
                    yield found
        if self.database is not None:
            yield from close_database(self.database)

    def _is_own(self, name: str) -> bool:
        """Return True if Dayfile makes files or folders of this name in its folders."""
        return (
            name in _OWN
            or (self.storage is not None and name == self.storage.name)
            or name.startswith(_OWN_BEGINNINGS)
            or name.endswith(_OWN_ENDINGS)
            or (self.database is not None and name.startswith(self.database.name))
            or _SCRATCH.fullmatch(name) is not None
        )
