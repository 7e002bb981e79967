"""Lines of which many are out of the ordinary: they are soon read one by one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dayfile.model.block_reader import BlockReader
from dayfile.model.odd import OddError
from dayfile.model.part import Part
from dayfile.model.record import RecordReader
from dayfile.model.resource import MESSAGES
from tests.support.outcomes import Counted, outcome_of, outcomes_of
from tests.support.record_lines import NOW, line_with


@pytest.mark.parametrize("share", [2, 3, 4, 5, 6, 8])
def test_where_odd_lines_are_many_few_lines_are_tried_in_vain(share: int) -> None:
    """A sender with one fault in many of its records costs no more than one whose records are all bad."""
    good = [line_with(b'"a":%d' % number) for number in range(2000)]
    lines = [b"{}" if at % share == 0 else line for at, line in enumerate(good)]
    vain: list[int] = []

    class Watched(BlockReader):
        def _add_many(self, lines: Sequence[bytes], part: Part) -> None:
            try:
                super()._add_many(lines, part)
            except OddError:
                vain.append(len(lines))
                raise

    many, one = Counted.within(Watched, MESSAGES, now=NOW)
    assert outcomes_of(many, lines) == [outcome_of(RecordReader(MESSAGES, now=NOW), line) for line in lines]
    assert one.count <= len(lines)
    assert sum(vain) < len(lines) / 2
