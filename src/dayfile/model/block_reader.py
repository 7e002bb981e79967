"""Reading of many lines at once: the same records and refusals as `RecordReader` makes, at a fraction of its cost.

The lines go through one decoder together, and come out as one text (`block.py`). A line with anything out of the
ordinary is left to a `RecordReader`, with some that follow it: the more, the more often that happens. Those before it
are tried again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

import msgspec

from dayfile.model.block import Block
from dayfile.model.block_codec import block_codec
from dayfile.model.day import FIRST_DAY, Day
from dayfile.model.moment import moment_text
from dayfile.model.odd import OddError
from dayfile.model.part import MOST_REFUSED, Part
from dayfile.model.record import NEWEST_AHEAD, RecordReader
from dayfile.model.resource import ResourceType

FEW_LINES: Final = 8
"""The number of lines that are read one by one at least: so few are not worth more."""

MOST_LINES: Final = 256
"""The most lines that are read together: their objects fit into a processor's cache."""

_GROWTH = 4  # of the number of lines that are tried together, after success
_MOST_EXTRAS = 8  # undocumented fields that are known at once
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.$-]{1,64}")


class BlockReader:
    """A reader of lines of one resource type, as of one moment."""

    def __init__(self, resource_type: ResourceType, *, keep_dropped: bool = False, now: datetime) -> None:
        """Keep the fields of the REST form that an export drops, after all others, if `keep_dropped` is set."""
        self._resource_type = resource_type
        self._keep_dropped = keep_dropped
        self._one = RecordReader(resource_type, keep_dropped=keep_dropped, now=now)
        self._extras: tuple[str, ...] = ()  # undocumented fields that the codec knows
        self._codec = block_codec(resource_type, is_strict=True)
        self._learns = False  # undocumented fields, of lines that are read one by one
        self._odd_at = -1  # the number of a line that is known to be odd before it is reached
        self._singly = 0  # more lines than usual are read one by one after several vain tries: a backoff
        self._is_tolerance_vain = False  # lines that a strict codec does not read were bad when it was tried last
        self._oldest = moment_text(FIRST_DAY.start)
        self._newest = moment_text(now + NEWEST_AHEAD)

    def read(self, lines: Sequence[bytes]) -> Iterator[Part]:
        """Yield all lines in parts, each record and refusal as `RecordReader.parse` gives it."""
        part = Part(self._resource_type, 0)
        together, self._singly, self._odd_at = MOST_LINES, 0, -1
        while part.stop < len(lines):
            start = part.stop
            if together > FEW_LINES and start != self._odd_at:
                together = self._read_together(lines[start : start + min(together, MOST_LINES)], part)
            else:
                together = self._read_singly(lines[start : start + max(FEW_LINES, self._singly)], part)
            if len(part.refused) >= MOST_REFUSED:
                yield part
                part = Part(self._resource_type, part.stop)
        yield part

    def _read_singly(self, lines: Sequence[bytes], part: Part) -> int:
        """Add lines to a part, read one by one; return how many to try together next."""
        refused = len(part.refused)
        for line in lines:
            self._add_one(line, part)
        are_bad = len(part.refused) - refused == len(lines)
        return FEW_LINES if are_bad else FEW_LINES * _GROWTH  # where all are bad, the next ones may be

    def _read_together(self, lines: Sequence[bytes], part: Part) -> int:
        """Add all lines to a part, or none if one is out of the ordinary; return how many to try together next."""
        if len(lines) <= FEW_LINES:
            return self._read_singly(lines, part)
        try:
            self._add_many(lines, part)
        except OddError as odd:
            self._learns = True
            self._odd_at = part.stop + odd.before
            if odd.before <= FEW_LINES:
                self._singly = min(max(FEW_LINES, self._singly * 2), MOST_LINES)
            return odd.before
        self._learns, self._singly = False, 0
        return len(lines) * _GROWTH

    def _add_one(self, line: bytes, part: Part) -> None:
        record = part.add(line, self._one)
        if record is not None and self._learns:
            self._learn(record.line)

    def _learn(self, line: bytes) -> None:
        """Know the undocumented fields of a canonical line from now on, in their order."""
        names = [name for name in msgspec.json.decode(line, type=dict[str, msgspec.Raw]) if self._is_extra(name)]
        extras = (*names, *(name for name in self._extras if name not in names))
        if len(extras) <= _MOST_EXTRAS and extras != self._extras:
            self._extras = extras
            self._codec = block_codec(self._resource_type, extras, is_strict=self._codec.is_strict)
            self._is_tolerance_vain = False

    def _is_extra(self, name: str) -> bool:
        is_documented = name in self._codec.names and name not in self._extras
        return not is_documented and _PLAIN_NAME.fullmatch(name) is not None

    def _add_many(self, lines: Sequence[bytes], part: Part) -> None:
        """Add all lines to a part, or raise OddError."""
        block = self._decoded(lines)
        text = block.canonical(keep_dropped=self._keep_dropped, oldest=self._oldest, newest=self._newest)
        part.accounts |= block.accounts
        part.days.update(map(Day.parse, block.dates))
        start, before = part.stop, len(part.texts)
        read: dict[int, bytes] = {}  # odd lines that are records all the same
        for at in block.odd:
            part.stop = start + at
            self._add_one(lines[at], part)
            if len(part.texts) > before:
                read[at] = part.texts.pop()
        part.stop = start + len(lines)
        part.texts += _in_order(text, block.odd, read) if read else [text]

    def _decoded(self, lines: Sequence[bytes]) -> Block:
        """Decode lines; what is not in the types of an export once is not expected to be from then on."""
        try:
            return Block(lines, self._codec)
        except OddError as odd:
            is_vain = self._is_tolerance_vain and odd.before
            if is_vain or not (odd.is_of_types and self._codec.is_strict):
                raise
        tolerant = block_codec(self._resource_type, self._extras, is_strict=False)
        self._is_tolerance_vain = True
        block = Block(lines, tolerant)
        self._codec = tolerant
        return block


def _in_order(text: bytes, odd: Sequence[int], read: Mapping[int, bytes]) -> Iterator[bytes]:
    """Yield the lines of a text, and between them the odd ones that are records, by their numbers among all."""
    others = iter(text.splitlines(keepends=True))
    start = 0
    for at in odd:
        yield from islice(others, at - start)
        if at in read:
            yield read[at]
        start = at + 1
    yield from others
