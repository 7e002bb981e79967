"""A file that has not arrived completely: kept beside its place, with the ETag of what it is a part of."""

from __future__ import annotations

import hashlib
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dayfile.errors import Corrupt

_BLOCK_BYTES = 256 * 1024
_GZIP: Final = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What a complete day file turned out to be."""

    size_bytes: int
    plain_bytes: int
    lines: int
    members: int  # of gzip; several readers stop after the first without a word
    sha256: str
    plain_sha256: str


class Partial:
    """What has arrived of the file that will be at `path`. Nothing is ever seen under that name but a whole file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.path = path.with_name(f"{path.name}.part")
        self._etag_path = path.with_name(f"{path.name}.part.etag")

    @property
    def size(self) -> int:
        """How many bytes have arrived."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def etag(self) -> str | None:
        """What they are a part of; None when nobody can say."""
        return self._etag_path.read_text(encoding="latin-1") if self._etag_path.exists() else None

    def begin(self, etag: str | None) -> None:
        """Start from nothing. Without an ETag, nothing can be continued later."""
        self.discard()
        if etag:
            # Ahead of the first byte: bytes without their ETag are no use, and the reverse does no harm.
            self._etag_path.write_text(etag, encoding="latin-1")
        self.path.touch()

    def discard(self) -> None:
        """Forget what has arrived."""
        self.path.unlink(missing_ok=True)
        self._etag_path.unlink(missing_ok=True)

    def examine(self) -> Examined:
        """What has arrived, read to its end; raises Corrupt unless it is whole gzip."""
        return examine(self.path)

    def finish(self) -> None:
        """Put it in its place, durable, in the place of what was there."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        self.path.replace(self._path)
        self._etag_path.unlink(missing_ok=True)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def examine(path: Path) -> Examined:
    """Sizes, lines and hashes of a day file; raises Corrupt unless it is gzip from its first byte to its last."""
    whole, plain = hashlib.sha256(), hashlib.sha256()
    size = plain_bytes = lines = 0
    members = 1
    member = zlib.decompressobj(_GZIP)
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                whole.update(block)
                size += len(block)
                while block:
                    if member.eof:  # some servers write several members, one after the other
                        member = zlib.decompressobj(_GZIP)
                        members += 1
                    text = member.decompress(block)
                    plain.update(text)
                    plain_bytes += len(text)
                    lines += text.count(b"\n")
                    block = member.unused_data
    except zlib.error as error:
        raise Corrupt(f"{path.name} is not gzip all through: {error}") from error
    if not member.eof:
        raise Corrupt(f"{path.name} ends before its gzip stream does, after {size} bytes")
    return Examined(
        size_bytes=size,
        plain_bytes=plain_bytes,
        lines=lines,
        members=members,
        sha256=whole.hexdigest(),
        plain_sha256=plain.hexdigest(),
    )
