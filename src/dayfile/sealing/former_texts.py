"""The texts of former files that take part in a seal, read by few requests, and side by side from afar."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from operator import attrgetter

from dayfile.errors import Corrupt
from dayfile.files import gzip
from dayfile.files.hashed import Hashed
from dayfile.files.read_ahead import read_ahead
from dayfile.files.soundness import reason_of
from dayfile.files.storage import Storage
from dayfile.files.stretches import Stretch, stretches_of
from dayfile.model.export import FilePlace


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerText:
    """The text of a sealed file that takes part in the next seal of its day."""

    key: str  # the file's name
    place: FilePlace
    size_bytes: int  # of the gzip file
    plain_sha256: str

    def read(self, storage: Storage) -> Iterator[bytes]:
        """Return its gzip bytes in blocks; raises NotFound.

        An object of its own is read to its end: what follows there is damage.
        """
        stop = self.place.start + self.size_bytes if self.place.is_packed else None
        return storage.read(self.place.object_key, start=self.place.start, stop=stop)


def lines_of(formers: Iterable[FormerText], storage: Storage) -> Iterator[list[bytes]]:
    """Yield the lines of former files in batches, in the order of the files' places.

    Raises NotFound, or Corrupt if a file does not match its manifest.
    """
    with closing(_read(formers, storage, partial(Stretch.read, storage=storage))) as found:
        for former, data in found:
            yield from _lines(former, data, storage)


def damaged_among(formers: Iterable[FormerText], storage: Storage) -> Iterator[tuple[FormerText, str]]:
    """Yield each former file that does not match its manifest, with the reason; raises StorageUnavailable."""
    with closing(_read(formers, storage, partial(Stretch.read_if_possible, storage=storage))) as found:
        for former, data in found:
            reason = reason_of(partial(deque, _lines(former, data, storage), maxlen=0))
            if reason is not None:
                yield former, reason


def read_former(former: FormerText, storage: Storage) -> None:
    """Read a former file to its end; raises NotFound, or Corrupt if it does not match its manifest."""
    deque(_lines(former, None, storage), maxlen=0)


def _read(
    formers: Iterable[FormerText], storage: Storage, read: Callable[[Stretch[FormerText]], bytes | None]
) -> Generator[tuple[FormerText, bytes | None], None, None]:
    """Yield each former file, in the order of their places, with its bytes if they could be held."""
    stretches = list(stretches_of(formers))
    with closing(read_ahead(stretches, read, storage=storage, size_of=attrgetter("held_bytes"))) as of_stretches:
        for stretch, data in zip(stretches, of_stretches, strict=True):
            for former in stretch.files:
                yield former, None if data is None else stretch.bytes_of(former, data)


def _lines(former: FormerText, data: bytes | None, storage: Storage) -> Iterator[list[bytes]]:
    """Yield the lines of a former file in batches; raises NotFound, or Corrupt if its text has another SHA-256."""
    begun = b""
    hashed = Hashed(gzip.plain(former.read(storage) if data is None else [data]))
    for block in hashed:
        whole, newline, begun = (begun + block).rpartition(b"\n")
        yield (whole + newline).splitlines(keepends=True)
    if begun or hashed.sha256 != former.plain_sha256:
        raise Corrupt(f"{former.key} does not hold what its manifest says: restore it from a backup")
