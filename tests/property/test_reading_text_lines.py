"""Lines that stay in their text are read as if they had been cut out of it."""

from __future__ import annotations

from itertools import accumulate
from random import Random  # noqa: TID251 - of what hypothesis draws
from typing import Any

from hypothesis import given

from dayfile.model.record import RecordReader
from dayfile.model.resource import ResourceType
from dayfile.model.text_lines import TextLines
from tests.support.outcomes import MakeReader, each_reader, outcome_of, outcomes_of
from tests.support.spellings import NOW, damaged, line_text, seeds, sent, types_and_contents

COUNT = 40


@each_reader
@given(types_and_contents, seeds)
def test_lines_in_a_text_are_read_as_each_by_itself(
    make: MakeReader, given: tuple[ResourceType, dict[str, Any]], seed: int
) -> None:
    """Bodies come in both forms of lines, and what a line means does not depend on which."""
    resource_type, content = given
    rng = Random(seed)
    final = line_text(content).encode()
    spelled = [final if rng.random() < 0.8 else sent(resource_type, content, rng) for _ in range(COUNT)]
    lines = [damaged(line, rng) if rng.random() < 0.05 else line for line in spelled]
    lines = [line.replace(b"\n", b" ") or b"x" for line in lines]
    in_a_text = TextLines(b"".join(line + b"\n" for line in lines), list(accumulate(len(line) + 1 for line in lines)))
    keep_dropped = rng.random() < 0.5
    one = RecordReader(resource_type, keep_dropped=keep_dropped, now=NOW)
    many = make(resource_type, keep_dropped=keep_dropped, now=NOW)
    assert outcomes_of(many, in_a_text) == [outcome_of(one, line) for line in lines]
