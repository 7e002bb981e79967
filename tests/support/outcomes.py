"""Outcomes of lines that are read: what became of each, by itself and among others."""

from __future__ import annotations

from typing import Any

from dayfile.errors import InvalidRecord
from dayfile.model.block_reader import BlockReader
from dayfile.model.record import RecordReader


def outcome_of(reader: RecordReader, line: bytes) -> tuple[Any, ...]:
    """The record of a line, or why it is refused."""
    try:
        record = reader.parse(line)
    except InvalidRecord as invalid:
        return invalid.field, invalid.reason, invalid.of_type
    return record.line, record.account, record.day


def outcomes_of(reader: BlockReader, lines: list[bytes]) -> list[tuple[Any, ...]]:
    """The outcome of each line, out of the parts in which they are read."""
    outcomes: dict[int, tuple[Any, ...]] = {}
    for part in reader.read(lines):
        assert part.start == len(outcomes)
        outcomes |= {at: (invalid.field, invalid.reason, invalid.of_type) for at, invalid in part.refused}
        outcomes |= {at: (line, account, day) for at, line, account, day in part.records()}
        assert part.stop == len(outcomes)
    return [outcomes[at] for at in range(len(lines))]


class Counted(BlockReader):
    """A reader that counts the lines that it reads one by one."""

    one_by_one = 0

    def _add_one(self, line: bytes, part: Any) -> None:
        self.one_by_one += 1
        super()._add_one(line, part)
