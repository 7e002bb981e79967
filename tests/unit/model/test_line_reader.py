"""The reader that is chosen: compiled code if there is some and it may be."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dayfile.model import line_reader
from dayfile.model.block_reader import BlockReader
from dayfile.model.plain_reader import PlainReader
from dayfile.model.resource import MESSAGES
from tests.support.outcomes import needs_compiled

NOW = datetime(2026, 10, 1, tzinfo=UTC)


@needs_compiled
def test_compiled_code_reads_lines_if_it_may() -> None:
    """An operator can do without it from one start to the next."""
    assert isinstance(line_reader.line_reader(MESSAGES, now=NOW), PlainReader)
    assert isinstance(line_reader.line_reader(MESSAGES, now=NOW, may_be_compiled=False), BlockReader)


def test_without_compiled_code_lines_are_read_by_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is missing wherever there was no compiler."""
    monkeypatch.setattr(line_reader, "IS_COMPILED", False)
    assert isinstance(line_reader.line_reader(MESSAGES, now=NOW), BlockReader)
    assert not line_reader.is_compiled(may_be=True)
