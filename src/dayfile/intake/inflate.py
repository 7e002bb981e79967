"""Decompression of a gzip body, a bounded block at a time, however much it holds.

Several members after one another are one body, as `cat a.gz b.gz` makes it. Anything else after a member, a wrong
checksum or a missing end makes the whole body unreadable: a body that was cut off or damaged on its way is never half
accepted.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any, Final

from dayfile.errors import InvalidBody

try:
    from isal import isal_zlib
except ImportError:
    _engine: Any = zlib
else:
    _engine = isal_zlib  # several times as fast, with the same answers

_GZIP: Final = 16 + zlib.MAX_WBITS
_MAGIC = b"\x1f\x8b"

# A bounded output leaves the rest of the input to be handed in again: pieces bound what is copied for that.
_PIECE_BYTES = 64 * 1024


class Inflater:
    """A decompressor of a gzip body in chunks of any size."""

    def __init__(self, *, block_bytes: int) -> None:
        """Bound the blocks that come out by `block_bytes`."""
        self._block_bytes = block_bytes
        self._members = 0
        self._stream: Any = None  # of the member that is being read

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the plain bytes of a chunk; raises InvalidBody. Take them all before the next chunk."""
        for start in range(0, len(chunk), _PIECE_BYTES):
            yield from self._inflate(chunk[start : start + _PIECE_BYTES])

    def finish(self) -> None:
        """End the body; raises InvalidBody if it is incomplete."""
        if self._stream is not None or not self._members:
            raise InvalidBody("the gzip body is cut off before its end: send all of it")

    def _inflate(self, piece: bytes) -> Iterator[bytes]:
        while piece:
            if self._stream is None:
                self._begin(piece)
            stream = self._stream
            try:
                plain = stream.decompress(piece, self._block_bytes)
            except _engine.error as error:
                raise InvalidBody(f"the gzip body is damaged ({error}): send it again") from error
            if plain:
                yield plain
            piece = stream.unconsumed_tail
            if stream.eof:
                piece, self._stream = stream.unused_data, None

    def _begin(self, piece: bytes) -> None:
        if not _MAGIC.startswith(piece[: len(_MAGIC)]):
            where = "has something else after its end" if self._members else "is not gzip"
            raise InvalidBody(f"the body {where}: send gzip, or send the lines plain and say so")
        self._members += 1
        self._stream = _engine.decompressobj(wbits=_GZIP)
