"""Readers of lines: any of them gives the same records and refusals, and the fastest that there is is chosen here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from dayfile.model.block_reader import BlockReader
from dayfile.model.part import Part
from dayfile.model.plain_reader import IS_COMPILED, PlainReader
from dayfile.model.resource import ResourceType


class LineReader(Protocol):
    """A reader of lines of one resource type, as of one moment."""

    def read(self, lines: Sequence[bytes]) -> Iterator[Part]:
        """Yield all lines in parts, each record and refusal as `RecordReader.parse` gives it."""
        ...


def is_compiled(*, may_be: bool) -> bool:
    """Return True if lines are read by compiled code, if they may be."""
    return may_be and IS_COMPILED


def line_reader(
    resource_type: ResourceType, *, keep_dropped: bool = False, now: datetime, may_be_compiled: bool = True
) -> LineReader:
    """Return a reader, of compiled code if it may be and there is one."""
    make = PlainReader if is_compiled(may_be=may_be_compiled) else BlockReader
    return make(resource_type, keep_dropped=keep_dropped, now=now)
