"""The body of a request, or a file: decompressed and split into lines, without looking into them.

A body is one record per line, or one JSON array of records: its first byte that is not white space tells. A line over
the size limit of records is cut to one byte over it: enough for the reader to refuse it, whatever its length.
A body that begins like another kind of file, such as a zip file, is refused as a whole, with the way out. A byte order
mark before everything is skipped; anywhere else it stays, and the reader of its line refuses it by name.

Several compressed members or frames after one another are one body, as `cat a.gz b.gz` makes it. Anything else after
them, a wrong checksum or a missing end makes the whole body unreadable: a body cut off or damaged on its way is never
half accepted.

Memory is bounded for any body, whatever it holds: a few blocks' worth of bytes, and one line.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from io import BytesIO
from itertools import accumulate
from typing import Any, Final, Protocol

from dayfile.errors import InvalidBody, TooLarge
from dayfile.files import zstd
from dayfile.intake.json_array import JsonArray
from dayfile.intake.lines import NO_LINES, Lines
from dayfile.model.file_format import HEAD_BYTES, find_foreign_format
from dayfile.model.record import MAX_LINE_BYTES
from dayfile.model.strictjson import BYTE_ORDER_MARK
from dayfile.model.text_lines import TextLines

try:
    from isal import isal_zlib
except ImportError:
    _engine: Any = zlib
else:
    _engine = isal_zlib  # several times as fast, with the same answers

BLOCK_BYTES = 1024 * 1024
"""The approximate bytes of plain text that are split into one list of lines."""

UNCUT_BYTES = 16 * 1024
"""The fewest bytes of lines that are left in one text, as their reader likes them; fewer are cut at once."""

SENT_WINDOW_LOG: Final = 23
"""A sender's zstd needs at most 8 MiB of memory to be read, the bound of RFC 9659: many are read at once."""

FILE_WINDOW_LOG: Final = 27
"""A file's may need 128 MiB, as `zstd --long` and `--ultra` make it: one is read at a time."""

_SPACE = b" \t\r\n"
_ARRAY = b"["
_GZIP: Final = 16 + zlib.MAX_WBITS

# A bounded output leaves the rest of the input to be handed in again: pieces bound what is copied for that.
_PIECE_BYTES = 64 * 1024


class Compression(Enum):
    """The compression of a body, by the name of its content coding."""

    GZIP = "gzip"
    ZSTD = "zstd"


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


def read_lines(blocks: Iterable[bytes], *, compression: Compression | None, max_bytes: int | None) -> Iterator[Lines]:
    """Yield the lines of a body that comes in blocks, some MiB at a time; raises what a LineSplitter raises."""
    splitter = LineSplitter(compression=compression, max_bytes=max_bytes)
    for block in blocks:
        yield from splitter.feed(block)
    yield splitter.finish()


class LineSplitter:
    """A splitter of a body into lines, some MiB of them at a time, from chunks of any size, as they arrive.

    However a body is cut into chunks, its lines are the same.
    """

    def __init__(
        self,
        *,
        compression: Compression | None,
        max_bytes: int | None,
        block_bytes: int = BLOCK_BYTES,
        max_line_bytes: int = MAX_LINE_BYTES,
        uncut_bytes: int = UNCUT_BYTES,
    ) -> None:
        """Bound the body, after decompression, by `max_bytes`; with None it is a file, and has no bound."""
        self._compression = compression
        window_log = FILE_WINDOW_LOG if max_bytes is None else SENT_WINDOW_LOG
        self._inflater = compression and Inflater(compression, block_bytes=block_bytes, window_log=window_log)
        self._max_bytes = max_bytes
        self._block_bytes = block_bytes
        self._max_line_bytes = max_line_bytes
        self._uncut_bytes = uncut_bytes
        self._plain_bytes = 0
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._is_begun = False
        self._blank_lines = 0  # before anything else
        self._form: _Rows | JsonArray | None = None  # not known before there is a byte that is not white space

    def feed(self, chunk: bytes) -> Iterator[Lines]:
        """Yield the lines that a chunk completes; take all before the next chunk. Raises InvalidBody, TooLarge."""
        for block in self._blocks(chunk):
            self._count(len(block))
            self._waiting.append(block)
            self._waiting_bytes += len(block)
            if self._waiting_bytes >= self._block_bytes:
                yield self._split()

    def finish(self) -> Lines:
        """Return the last lines of a body that is over; raises InvalidBody if it was cut off."""
        if self._inflater is not None:
            self._inflater.finish()
        lines = self._split(is_last=True)
        if self._form is None:
            return lines
        last = self._form.finish()
        return Lines([*lines.numbers, *last.numbers], [*lines.texts, *last.texts]) if last.texts else lines

    def _blocks(self, chunk: bytes) -> Iterable[bytes]:
        if self._inflater is not None:
            return self._inflater.feed(chunk)
        if len(chunk) <= self._block_bytes:
            return (chunk,)
        return (chunk[start : start + self._block_bytes] for start in range(0, len(chunk), self._block_bytes))

    def _count(self, size: int) -> None:
        self._plain_bytes += size
        if self._max_bytes is not None and self._plain_bytes > self._max_bytes:
            raise TooLarge(f"the body is over {self._max_bytes} bytes of plain text: send it in smaller parts")

    def _split(self, *, is_last: bool = False) -> Lines:
        blocks, self._waiting, self._waiting_bytes = self._waiting, [], 0
        if self._form is not None:
            return self._form.split(blocks)
        text = self._without_blank(b"".join(blocks))
        if not text or (len(text) < HEAD_BYTES and not is_last):
            self._waiting = [text]  # what it is does not depend on where it is cut
            return NO_LINES
        self._check_format(text[:HEAD_BYTES])
        if text.startswith(_ARRAY):
            self._form = JsonArray(max_bytes=self._max_line_bytes)
            return self._form.split([text[len(_ARRAY) :]])
        self._form = _Rows(
            first_number=self._blank_lines + 1, max_bytes=self._max_line_bytes, uncut_bytes=self._uncut_bytes
        )
        return self._form.split([text])

    def _check_format(self, head: bytes) -> None:
        """Raise InvalidBody for the beginning of a body that is not lines."""
        compression = find_compression(head)
        if compression is not None:
            if self._compression is not None:
                raise InvalidBody(f"the body is {compression.value} within {self._compression.value}: compress it once")
            raise InvalidBody(
                f"the body is {compression.value} and does not say so: send it with "
                f"Content-Encoding: {compression.value}"
            )
        if found := find_foreign_format(head):
            within = "" if self._compression is None else f" within {self._compression.value}"
            raise InvalidBody(f"the body is {found.name}{within}, not JSON lines or an array: {found.way_out}")

    def _without_blank(self, block: bytes) -> bytes:
        """Return the text without the white space before the first other byte of the body."""
        if not self._is_begun:
            block = block.removeprefix(BYTE_ORDER_MARK)
        self._is_begun = True
        text = block.lstrip(_SPACE)
        self._blank_lines += block.count(b"\n", 0, len(block) - len(text))
        return text


class _Rows:
    """A splitter of a body's text at its newlines."""

    def __init__(self, *, first_number: int, max_bytes: int, uncut_bytes: int) -> None:
        """Truncate a line over `max_bytes` to one byte more than that; leave lines of `uncut_bytes` in their text."""
        self._number = first_number
        self._uncut_bytes = uncut_bytes
        self._kept_bytes = max_bytes + 1
        self._begun = b""  # the beginning of an unfinished line

    def split(self, blocks: Sequence[bytes]) -> Lines:
        """Return the lines that end in these blocks."""
        text = b"".join([self._begun, *blocks] if self._begun else blocks)
        whole = text.rfind(b"\n") + 1
        # One byte more than is kept: if the last one is a carriage return, the line is still too long.
        self._begun = text[whole : whole + self._kept_bytes + 1]
        has_returns = b"\r" in text
        if whole >= self._uncut_bytes and not has_returns and (ends := self._ends(text, whole)):
            numbers = range(self._number, self._number + len(ends))
            self._number += len(ends)
            return Lines(numbers, TextLines(text, ends))
        return self._lines(text[: whole - 1].split(b"\n"), has_returns=has_returns) if whole else NO_LINES

    def _ends(self, text: bytes, whole: int) -> list[int] | None:
        """Return the ends of a text's lines; None if a line is empty or too long, or begins with white space."""
        sizes = list(map(len, map(bytes.lstrip, BytesIO(text))))  # of one line after the other, in the same memory
        if whole < len(text):
            sizes.pop()
        is_plain = sum(sizes) == whole and max(sizes) <= self._kept_bytes + 1
        return list(accumulate(sizes)) if is_plain else None

    def finish(self) -> Lines:
        """Return the last line of the body, if it had no newline."""
        return self._lines([self._begun], has_returns=b"\r" in self._begun)

    def _lines(self, texts: list[bytes], *, has_returns: bool) -> Lines:
        numbers = range(self._number, self._number + len(texts))
        self._number += len(texts)
        if has_returns:
            texts = [text.removesuffix(b"\r") for text in texts]
        if max(map(len, texts)) > self._kept_bytes:
            texts = [text[: self._kept_bytes] for text in texts]
        if all(texts) and not any(map(bytes.isspace, texts)):
            return Lines(numbers, texts)
        kept = [at for at, text in enumerate(texts) if text.strip(_SPACE)]
        return Lines([numbers[at] for at in kept], [texts[at] for at in kept])


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
            if self._members:
                raise InvalidBody(f"the body has something else after its end: send {self._name} and nothing after it")
            raise InvalidBody(
                f"the body is not {self._name}: send {self._name}, or send the lines plain, without Content-Encoding"
            )
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
