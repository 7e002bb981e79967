"""Several files as one ZIP archive, made while it is sent: memory is a block, and nothing is stored.

The files are gzip already and are only put side by side; the last entry has their SHA-256. An archive of which anything
could not be read breaks off before its directory, so that no program takes it for a whole one.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from dayfile.files.storage import Bytes
from dayfile.model.account import AccountSid
from dayfile.model.empty import EMPTY_FILE, EMPTY_SHA256
from dayfile.model.export import DayFile, SealedDay
from dayfile.model.resource import ResourceType
from dayfile.objects.layout import saved_as

SUMS_NAME: Final = "SHA256SUMS"
"""The last entry: a line for each file, as `sha256sum --check` reads it."""


def archive(files: Sequence[DayFile], read: Callable[[SealedDay], Iterator[Bytes]]) -> Iterator[bytes]:
    """Yield the blocks of an archive of these files; `read` returns the blocks of one.

    Raises what `read` raises, and then the archive has no end.
    """
    sink = _Sink()
    packed = zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED, allowZip64=True)
    try:
        sums = []
        for one in files:
            name = saved_as(one.account, one.resource_type.name, one.day)
            blocks = read(one.sealed) if one.sealed else iter([EMPTY_FILE])
            with packed.open(_entry(name, one), "w", force_zip64=True) as out:
                for block in blocks:
                    out.write(block)
                    yield from sink.taken()
            yield from sink.taken()
            sums.append(f"{one.sealed.sha256 if one.sealed else EMPTY_SHA256}  {name}\n")
        packed.writestr(_entry(SUMS_NAME, files[-1]), "".join(sums))
    finally:
        packed.close()  # after an error, too; the directory that it writes then is taken by nobody
    yield from sink.taken()


def archive_name(account: AccountSid, resource_type: ResourceType, files: Sequence[DayFile]) -> str:
    """Return the name under which an archive of files of one type is saved."""
    first, last = files[0].day, files[-1].day
    return f"{account}-{resource_type}-{first}{'' if first == last else f'-to-{last}'}.zip"


def _entry(name: str, of: DayFile) -> zipfile.ZipInfo:
    at = of.sealed.sealed_at if of.sealed else of.created_at
    return zipfile.ZipInfo(name, date_time=(at.year, at.month, at.day, at.hour, at.minute, at.second))


class _Sink(io.RawIOBase):
    """The part of the archive that was written and not sent yet. It cannot be sought in: sizes come after the bytes."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, block: object) -> int:
        before = len(self._written)
        self._written += block  # type: ignore[arg-type]  # whatever a file takes
        return len(self._written) - before

    def taken(self) -> Iterator[bytes]:
        """Yield what was written since the last time, if there is anything."""
        if self._written:
            block, self._written = bytes(self._written), bytearray()
            yield block
