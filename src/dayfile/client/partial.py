"""Partial files of downloads: kept next to their final path, with the ETag of the whole file."""

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
    """The measured properties of a complete day file."""

    size_bytes: int
    plain_bytes: int
    lines: int
    members: int  # of gzip; some readers silently stop after the first
    sha256: str
    plain_sha256: str


class Partial:
    """The partial file of a download to `path`, where only a complete file ever appears."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.path = path.with_name(f"{path.name}.part")
        self._etag_path = path.with_name(f"{path.name}.part.etag")

    @property
    def size(self) -> int:
        """Number of bytes that have arrived."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def etag(self) -> str | None:
        """ETag of the whole file; None if it is unknown."""
        return self._etag_path.read_text(encoding="latin-1") if self._etag_path.exists() else None

    def begin(self, etag: str | None) -> None:
        """Start an empty file. Without an ETag, it cannot be resumed later."""
        self.discard()
        if etag:
            # Before the first byte: bytes without an ETag are useless, and an ETag without bytes is harmless.
            self._etag_path.write_text(etag, encoding="latin-1")
        self.path.touch()

    def discard(self) -> None:
        """Delete the partial file and its ETag."""
        self.path.unlink(missing_ok=True)
        self._etag_path.unlink(missing_ok=True)

    def examine(self) -> Examined:
        """Read the file to its end and return its properties; raises Corrupt unless it is complete gzip."""
        return examine(self.path)

    def finish(self) -> None:
        """Move the file to its final path, durably, replacing any file there."""
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
    """Return sizes, lines and hashes of a day file; raises Corrupt unless it is gzip from first to last byte."""
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
