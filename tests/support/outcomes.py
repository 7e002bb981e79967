"""Outcomes of lines that are read: what became of each, by itself and among others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from dayfile.errors import InvalidRecord
from dayfile.model.block_reader import BlockReader
from dayfile.model.line_reader import LineReader
from dayfile.model.plain_reader import IS_COMPILED, PlainReader
from dayfile.model.record import Record, RecordReader
from dayfile.model.resource import ResourceType

needs_compiled = pytest.mark.skipif(not IS_COMPILED, reason="this installation has no compiled reader")

MakeReader = type[BlockReader] | type[PlainReader]
each_reader = pytest.mark.parametrize("make", [BlockReader, pytest.param(PlainReader, marks=needs_compiled)])


def outcome_of(reader: RecordReader, line: bytes) -> tuple[Any, ...]:
    """The record of a line, or why it is refused."""
    try:
        record = reader.parse(line)
    except InvalidRecord as invalid:
        return invalid.field, invalid.reason, invalid.of_type
    return record.line, record.account, record.day


def outcomes_of(reader: LineReader, lines: Sequence[bytes]) -> list[tuple[Any, ...]]:
    """The outcome of each line, out of the parts in which they are read."""
    outcomes: dict[int, tuple[Any, ...]] = {}
    for part in reader.read(lines):
        assert part.start == len(outcomes)
        outcomes |= {at: (invalid.field, invalid.reason, invalid.of_type) for at, invalid in part.refused}
        outcomes |= {at: (line, account, day) for at, line, account, day in part.records()}
        assert part.stop == len(outcomes)
    return [outcomes[at] for at in range(len(lines))]


class Counted(RecordReader):
    """A reader of one line that counts those that it reads for a reader of many."""

    count = 0

    @classmethod
    def within(
        cls, make: MakeReader, resource_type: ResourceType, *, keep_dropped: bool = False, now: datetime
    ) -> tuple[LineReader, Counted]:
        """Make a reader of many lines, and the counted one to which it leaves what is out of the ordinary."""
        many = make(resource_type, keep_dropped=keep_dropped, now=now)
        many._one = one = cls(resource_type, keep_dropped=keep_dropped, now=now)
        return many, one

    def parse(self, line: bytes | memoryview) -> Record:
        """Count a line, and read it."""
        self.count += 1
        return super().parse(line)
