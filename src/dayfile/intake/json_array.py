"""The elements of a JSON array that comes in blocks, cut out without looking into them.

Only texts and brackets are followed, which decide where an element ends. An element may be anything; `RecordReader`
decides if it is a record. An error between elements is an error of the body: InvalidBody.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final, NoReturn

import msgspec

from dayfile.errors import InvalidBody
from dayfile.intake.lines import NO_LINES, Lines


class _Next(Enum):
    """The token that must come next in the array."""

    FIRST = "an element or ]"
    ELEMENT = "an element"
    REST = "the rest of an element"
    COMMA = "a comma or ]"
    NOTHING = "nothing more"


class JsonArray:
    """A splitter of an array's text after its `[`, in blocks of any size."""

    def __init__(self, *, max_bytes: int) -> None:
        """Truncate an element over `max_bytes` to one byte more than that."""
        self._kept_bytes = max_bytes + 1
        self._number = 0
        self._next = _Next.FIRST
        self._begun = b""  # the beginning of an unfinished element
        self._open = bytearray()  # the brackets that will close the unfinished element, the innermost last
        self._in_text = False
        self._is_escaped = False  # within a text: a backslash came before the next byte

    def split(self, blocks: Sequence[bytes]) -> Lines:
        """Return the elements that end in these blocks; raises InvalidBody."""
        block = b"".join(blocks)
        elements: list[bytes] = []
        at, is_tried = 0, False
        while at < len(block):
            if self._next in {_Next.FIRST, _Next.ELEMENT} and not is_tried:
                at, is_tried = self._take_many(block, at, elements), True
            elif self._next is _Next.REST:
                at = self._take_rest(block, at, elements)
            else:
                at = self._step(block, at)
        return Lines(range(self._number - len(elements) + 1, self._number + 1), elements)

    def finish(self) -> Lines:
        """End the body and return no elements, since none is left; raises InvalidBody if the array is not closed."""
        if self._next is not _Next.NOTHING:
            raise InvalidBody(f"the JSON array is cut off after element {self._number}: send all of it, up to its ]")
        return NO_LINES

    def _take_many(self, block: bytes, at: int, elements: list[bytes]) -> int:
        """Take the elements up to some boundary near the end of the block with a JSON decoder, ten times as fast.

        Bytes that look like a boundary may be in a text or deep in an element. But if the text before them is an array,
        they are one: JSON reads from left to right in one way only. If it is not, nothing is taken.
        """
        end = 0
        for boundary in _boundaries(block, max(at, len(block) - _NEAR_BYTES)):
            end = boundary.end()
        try:
            many = _decode_array(b"".join((b"[", memoryview(block)[at : end - 1], b"]"))) if end else []
        except (ValueError, RecursionError):
            return at
        if not many:
            return at
        self._next = _Next.ELEMENT
        self._number += len(many)
        elements += [bytes(element)[: self._kept_bytes] for element in many]
        return end

    def _take_rest(self, block: bytes, at: int, elements: list[bytes]) -> int:
        """Continue an element to its end, or to the end of the block."""
        end = self._follow(block, at)
        self._begun = (self._begun + block[at:end])[: self._kept_bytes]
        if self._next is not _Next.REST:
            self._number += 1
            elements.append(self._begun)
        return end

    def _step(self, block: bytes, at: int) -> int:
        """Skip white space and take one byte between elements, or the first byte of one."""
        at = _spaces(block, at)
        if at == len(block):
            return at
        byte = block[at]
        if byte == _COMMA and self._next is _Next.COMMA:
            self._next = _Next.ELEMENT
        elif byte == _END and self._next in {_Next.FIRST, _Next.COMMA}:
            self._next = _Next.NOTHING
        elif self._next in {_Next.FIRST, _Next.ELEMENT} and byte not in _NO_BEGINNING:
            return self._begin(block, at)
        else:
            self._refuse(byte)
        return at + 1

    def _begin(self, block: bytes, at: int) -> int:
        byte = block[at]
        self._next = _Next.REST
        self._begun = b""
        if byte in _CLOSING:
            self._open.append(_CLOSING[byte])
        elif byte == _QUOTE:
            self._in_text = True
        else:
            return at
        self._begun = block[at : at + 1]
        return at + 1

    def _follow(self, block: bytes, at: int) -> int:
        """Return the position where the element ends, or the end of the block."""
        while at < len(block) and self._next is _Next.REST:
            if self._in_text:
                at = self._follow_text(block, at)
            elif self._open:
                at = self._follow_brackets(block, at)
            else:
                at = _scalar(block, at)
                if at < len(block):
                    self._next = _Next.COMMA
        return at

    def _follow_text(self, block: bytes, at: int) -> int:
        if self._is_escaped:
            self._is_escaped = False
            return at + 1
        at = _text(block, at)
        if at == len(block):
            return at
        if block[at] == _QUOTE:
            self._in_text = False
            self._next = _Next.REST if self._open else _Next.COMMA
        else:
            self._is_escaped = True
        return at + 1

    def _follow_brackets(self, block: bytes, at: int) -> int:
        at = _quiet(block, at)
        if at == len(block):
            return at
        byte = block[at]
        if byte == _QUOTE:
            self._in_text = True
        elif byte in _CLOSING:
            self._open.append(_CLOSING[byte])
        elif byte != self._open.pop():
            self._refuse(byte)
        elif not self._open:
            self._next = _Next.COMMA
        return at + 1

    def _refuse(self, byte: int) -> NoReturn:
        raise InvalidBody(
            f"the JSON array is broken after element {self._number}: {self._next.value} must come, not {chr(byte)!a}; "
            "send a valid array, or one record per line"
        )


def _end_of(pattern: bytes) -> Callable[[bytes, int], int]:
    """Return a function that gives the end of a match, from a position on, of a pattern that always matches."""
    match = re.compile(pattern, re.DOTALL).match

    def end(block: bytes, at: int) -> int:
        found = match(block, at)
        return at if found is None else found.end()

    return end


_CLOSING: Final = {ord("{"): ord("}"), ord("["): ord("]")}
_QUOTE, _COMMA, _END = b'",]'
_NO_BEGINNING: Final = b",:]}"

_NEAR_BYTES = 64 * 1024
_boundaries: Final = re.compile(rb"\}[ \t\r\n]*,(?=[ \t\r\n]*\{)").finditer
_decode_array: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode

# Each round of a repetition costs memory until the match is over, so they are bounded; the next call goes on.
_spaces: Final = _end_of(rb"[ \t\r\n]*")
_scalar: Final = _end_of(rb'[^ \t\r\n,:"{}\[\]]*')
_text: Final = _end_of(rb'[^"\\]*(?:\\.[^"\\]*){0,1000}')
_quiet: Final = _end_of(rb'[^"{}\[\]]*(?:"[^"\\]*(?:\\.[^"\\]*){0,100}"[^"{}\[\]]*){0,100}')
