"""Splitting of the body of a request, or of a file, into lines, without looking into them.

A body is one record per line, or one JSON array of records: its first byte that is not white space tells. A line over
the limit of records arrives cut, one byte over that limit: enough for the reader to refuse it, whatever its length.
A byte order mark before everything is skipped; anywhere else it stays, and the reader of its line refuses it by name.

Memory is bounded for any body: a few batches' worth of bytes, and one line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dayfile.errors import InvalidBody, TooLarge
from dayfile.intake.elements import Elements
from dayfile.intake.inflate import Inflater
from dayfile.model.record import MAX_LINE_BYTES
from dayfile.model.strictjson import BYTE_ORDER_MARK

Line = tuple[int, bytes]
"""A line's number and its bytes. Numbers begin at 1 and count empty lines, which are left out, or the elements of an
array.
"""

BATCH_BYTES = 1024 * 1024
"""The approximate bytes of a body in one list of lines."""

_SPACE = b" \t\r\n"
_ARRAY = b"["
_GZIP = b"\x1f"  # the first byte of its magic number, which no text begins with


def read_lines(blocks: Iterable[bytes], *, is_gzip: bool, max_bytes: int | None) -> Iterator[Line]:
    """Yield the lines of a body that comes in blocks; raises what a LineSplitter raises."""
    splitter = LineSplitter(is_gzip=is_gzip, max_bytes=max_bytes)
    for block in blocks:
        for batch in splitter.feed(block):
            yield from batch
    yield from splitter.finish()


class LineSplitter:
    """A splitter of a body into lists of lines, each of some MiB at most, from chunks of any size, as they arrive.

    However a body is cut into chunks, its lines are the same.
    """

    def __init__(
        self,
        *,
        is_gzip: bool,
        max_bytes: int | None,
        batch_bytes: int = BATCH_BYTES,
        max_line_bytes: int = MAX_LINE_BYTES,
    ) -> None:
        """Bound the body, after decompression, by `max_bytes`; with None it has no bound."""
        self._inflater = Inflater(block_bytes=batch_bytes) if is_gzip else None
        self._max_bytes = max_bytes
        self._batch_bytes = batch_bytes
        self._max_line_bytes = max_line_bytes
        self._plain_bytes = 0
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._is_begun = False
        self._blank_lines = 0  # before anything else
        self._form: _Rows | Elements | None = None  # not known before there is a byte that is not white space

    def feed(self, chunk: bytes) -> Iterator[list[Line]]:
        """Yield the lists of lines that a chunk completes; take them all before the next chunk. Raises InvalidBody
        or TooLarge.
        """
        for block in self._blocks(chunk):
            self._count(len(block))
            self._waiting.append(block)
            self._waiting_bytes += len(block)
            if self._waiting_bytes >= self._batch_bytes:
                yield self._split()

    def finish(self) -> list[Line]:
        """Return the last lines of a body that is over; raises InvalidBody if it was cut off."""
        if self._inflater is not None:
            self._inflater.finish()
        lines = self._split()
        return lines if self._form is None else lines + self._form.finish()

    def _blocks(self, chunk: bytes) -> Iterable[bytes]:
        if self._inflater is not None:
            return self._inflater.feed(chunk)
        if len(chunk) <= self._batch_bytes:
            return (chunk,)
        return (chunk[start : start + self._batch_bytes] for start in range(0, len(chunk), self._batch_bytes))

    def _count(self, size: int) -> None:
        self._plain_bytes += size
        if self._max_bytes is not None and self._plain_bytes > self._max_bytes:
            raise TooLarge(f"the body is over {self._max_bytes} bytes of plain text: send it in smaller parts")

    def _split(self) -> list[Line]:
        block = b"".join(self._waiting)
        self._waiting = []
        self._waiting_bytes = 0
        if self._form is not None:
            return self._form.split(block)
        text = self._without_blank(block)
        if not text:
            return []
        if text.startswith(_GZIP):
            raise self._unexpected_gzip()
        if text.startswith(_ARRAY):
            self._form = Elements(max_bytes=self._max_line_bytes)
            return self._form.split(text[len(_ARRAY) :])
        self._form = _Rows(first_number=self._blank_lines + 1, max_bytes=self._max_line_bytes)
        return self._form.split(text)

    def _unexpected_gzip(self) -> InvalidBody:
        if self._inflater is not None:
            return InvalidBody("the body is gzip within gzip: compress it once")
        return InvalidBody("the body is gzip and does not say so: send it with Content-Encoding: gzip")

    def _without_blank(self, block: bytes) -> bytes:
        """The text from the first byte on that is not white space, when there was none before."""
        if not self._is_begun:
            block = block.removeprefix(BYTE_ORDER_MARK)
        self._is_begun = True
        text = block.lstrip(_SPACE)
        self._blank_lines += block.count(b"\n", 0, len(block) - len(text))
        return text


class _Rows:
    """A splitter of a body's text at its newlines."""

    def __init__(self, *, first_number: int, max_bytes: int) -> None:
        """Truncate a line over `max_bytes` to one byte more than that."""
        self._number = first_number
        self._kept_bytes = max_bytes + 1
        self._begun = b""  # the beginning of an unfinished line

    def split(self, block: bytes) -> list[Line]:
        """Return the lines that end in this block."""
        end = block.rfind(b"\n")
        if end < 0:
            # One byte more than is kept: if the last one is a carriage return, the line is still too long.
            self._begun = (self._begun + block)[: self._kept_bytes + 1]
            return []
        whole = self._begun + block[:end]
        self._begun = block[end + 1 :]
        return self._lines(whole)

    def finish(self) -> list[Line]:
        """Return the last line of the body, if it had no newline."""
        return self._lines(self._begun)

    def _lines(self, whole: bytes) -> list[Line]:
        lines = whole.split(b"\n")
        first = self._number
        self._number += len(lines)
        if b"\r" in whole:
            lines = [line.removesuffix(b"\r") for line in lines]
        if len(whole) > self._kept_bytes:
            lines = [line[: self._kept_bytes] for line in lines]
        return [(number, line) for number, line in enumerate(lines, first) if line.strip(_SPACE)]
