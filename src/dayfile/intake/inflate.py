"""Decompression of a body, a bounded block at a time, however much it holds.

Several members or frames after one another are one body, as `cat a.gz b.gz` makes it. Anything else after them, a wrong
checksum or a missing end makes the whole body unreadable: a body cut off or damaged on its way is never half accepted.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Final, Protocol

from dayfile.errors import InvalidBody
from dayfile.files import zstd

try:
    from isal import isal_zlib
except ImportError:
    _engine: Any = zlib
else:
    _engine = isal_zlib  # several times as fast, with the same answers

_GZIP: Final = 16 + zlib.MAX_WBITS

# A bounded output leaves the rest of the input to be handed in again: pieces bound what is copied for that.
_PIECE_BYTES = 64 * 1024


class Compression(Enum):
    """The compression of a body, by the name of its content coding."""

    GZIP = "gzip"
    ZSTD = "zstd"


SENT_WINDOW_LOG: Final = 23
"""A sender's zstd needs at most 8 MiB of memory to be read, the bound of RFC 9659: many are read at once."""

FILE_WINDOW_LOG: Final = 27
"""A file's may need 128 MiB, as `zstd --long` and `--ultra` make it: one is read at a time."""

# How a member begins, as far as there is of it; one of zstd may be a frame that its readers skip.
_BEGINNINGS: Final = {
    Compression.GZIP: re.compile(rb"\x1f(?:\Z|\x8b)"),
    Compression.ZSTD: re.compile(
        rb"\x28(?:\Z|\xb5(?:\Z|\x2f(?:\Z|\xfd)))|[\x50-\x5f](?:\Z|\x2a(?:\Z|\x4d(?:\Z|\x18)))"
    ),
}
_MAGIC_BYTES: Final = {Compression.GZIP: 2, Compression.ZSTD: 4}


def find_compression(start: bytes) -> Compression | None:
    """Return the compression of a file from its beginning; None if it has none, or one that is not read here."""
    for compression, begins in _BEGINNINGS.items():
        if len(start) >= _MAGIC_BYTES[compression] and begins.match(start):
            return compression
    return None


class Inflater:
    """A decompressor of a body in chunks of any size."""

    def __init__(self, compression: Compression, *, block_bytes: int, window_log: int = SENT_WINDOW_LOG) -> None:
        """Bound the blocks that come out by `block_bytes`, and the window of zstd frames by 2**`window_log` bytes."""
        self._name = compression.value
        self._begins = _BEGINNINGS[compression].match
        self._is_gzip = compression is Compression.GZIP
        self._block_bytes = block_bytes
        self._options: Mapping[int, int] = {zstd.DecompressionParameter.window_log_max: window_log}
        self._members = 0
        self._member: _Member | None = None  # the one that is being read

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the plain bytes of a chunk; raises InvalidBody. Take them all before the next chunk."""
        for start in range(0, len(chunk), _PIECE_BYTES):
            yield from self._inflate(chunk[start : start + _PIECE_BYTES])

    def finish(self) -> None:
        """End the body; raises InvalidBody if it is incomplete."""
        if self._member is not None or not self._members:
            raise InvalidBody(f"the {self._name} body is cut off before its end: send all of it")

    def _inflate(self, piece: bytes) -> Iterator[bytes]:
        while piece:
            member = self._member = self._member or self._begin(piece)
            yield from member.feed(piece)
            piece = member.rest
            if member.is_over:
                self._member = None

    def _begin(self, piece: bytes) -> _Member:
        if not self._begins(piece):
            where = "has something else after its end" if self._members else f"is not {self._name}"
            raise InvalidBody(f"the body {where}: send {self._name}, or send the lines plain and say so")
        self._members += 1
        return _GzipMember(self._block_bytes) if self._is_gzip else _ZstdFrame(self._block_bytes, self._options)


class _Member(Protocol):
    """One member of a body."""

    is_over: bool
    rest: bytes  # what came after its end

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Yield the plain bytes of a piece; raises InvalidBody."""


class _GzipMember:
    """One gzip member."""

    def __init__(self, block_bytes: int) -> None:
        self.is_over = False
        self.rest = b""
        self._block_bytes = block_bytes
        self._stream = _engine.decompressobj(wbits=_GZIP)

    def feed(self, piece: bytes) -> Iterator[bytes]:
        stream = self._stream
        while piece and not self.is_over:
            try:
                plain = stream.decompress(piece, self._block_bytes)
            except _engine.error as error:
                raise InvalidBody(f"the gzip body is damaged ({error}): send it again") from error
            if plain:
                yield plain
            piece, self.is_over = stream.unconsumed_tail, stream.eof
        self.rest = stream.unused_data


class _ZstdFrame:
    """One zstd frame, or one that is skipped."""

    def __init__(self, block_bytes: int, options: Mapping[int, int]) -> None:
        self.is_over = False
        self.rest = b""
        self._block_bytes = block_bytes
        self._stream = zstd.ZstdDecompressor(options=options)

    def feed(self, piece: bytes) -> Iterator[bytes]:
        stream = self._stream
        while not self.is_over:
            try:
                plain = stream.decompress(piece, self._block_bytes)
            except zstd.ZstdError as error:
                raise InvalidBody(
                    f"the zstd body cannot be read ({error}): send it again, compressed without a dictionary and with "
                    f"a window of at most {2**SENT_WINDOW_LOG} bytes (no --long, no --ultra)"
                ) from error
            if plain:
                yield plain
            piece, self.is_over = b"", stream.eof
            if stream.needs_input and not self.is_over:
                return
        self.rest = stream.unused_data
