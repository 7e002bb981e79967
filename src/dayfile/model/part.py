"""Parts: some of the lines that were read, one after the other, as records and refusals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dayfile.errors import InvalidRecord
from dayfile.model.account import AccountSid
from dayfile.model.columns import date_of
from dayfile.model.day import Day
from dayfile.model.record import Record, RecordReader
from dayfile.model.resource import ResourceType

MOST_REFUSED: Final = 500
"""The number of refused lines, approximately, after which a part is handed on."""


class Part:
    """Some of the lines that were read, one after the other: records in their order, and refusals."""

    def __init__(self, resource_type: ResourceType, start: int) -> None:
        """Begin with the line of this number, from 0."""
        self.start = start
        self.stop = start  # the number after the last line
        self.texts: list[bytes] = []  # canonical lines, one or more in each
        self.accounts: set[AccountSid] = set()
        self.days: set[Day] = set()
        self.refused: list[tuple[int, InvalidRecord]] = []  # with the line's number
        self._resource_type = resource_type

    @property
    def count(self) -> int:
        """The number of records."""
        return self.stop - self.start - len(self.refused)

    def add(self, line: bytes, reader: RecordReader) -> Record | None:
        """Add the next line, read by itself, and return its record; None if it is refused."""
        self.stop += 1
        try:
            record = reader.parse(line)
        except InvalidRecord as invalid:
            # Its traceback would keep everything that its reader knew of the line.
            invalid.__traceback__ = invalid.__cause__ = invalid.__context__ = None
            self.refused.append((self.stop - 1, invalid))
            return None
        self.texts.append(record.line)
        self.accounts.add(record.account)
        self.days.add(record.day)
        return record

    def records(self) -> Iterator[tuple[int, bytes, AccountSid, Day]]:
        """Yield each record: the line's number, the canonical line, its account and its day."""
        account, created = slice(*self._resource_type.account_span), slice(*self._resource_type.created_span)
        days = {str(day).encode(): day for day in self.days}
        refused = {at for at, _ in self.refused}
        accepted = (at for at in range(self.start, self.stop) if at not in refused)
        lines = (line for text in self.texts for line in text.splitlines(keepends=True))
        for at, line in zip(accepted, lines, strict=True):
            yield at, line, AccountSid(line[account].decode()), days[date_of(line[created])]
