"""Lines of records, read as of one moment: sound ones from the golden files, changed as a test needs them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dayfile.errors import InvalidRecord
from dayfile.model.record import Record, RecordReader
from dayfile.model.resource import MESSAGES, ResourceType

NOW = datetime(2026, 10, 2, 12, tzinfo=UTC)
LINES = Path(__file__).parents[1] / "golden" / "records"
ABSENT = object()


def a_record(resource_type: ResourceType, /, **changes: object) -> dict[str, Any]:
    """The members of a canonical record, with changes; ABSENT takes one away."""
    members = json.loads((LINES / f"{resource_type.name.lower()}.line.json").read_bytes()) | changes
    return {name: value for name, value in members.items() if value is not ABSENT}


def parse(resource_type: ResourceType, line: dict[str, Any] | bytes, *, keep_dropped: bool = False) -> Record:
    """Read a line as of NOW."""
    raw = line if isinstance(line, bytes) else json.dumps(line).encode()
    return RecordReader(resource_type, keep_dropped=keep_dropped, now=NOW).parse(raw)


def refusal_of(resource_type: ResourceType, line: dict[str, Any] | bytes, rule: str) -> InvalidRecord:
    """Read a line that is refused by that rule."""
    with pytest.raises(InvalidRecord, match=rule) as caught:
        parse(resource_type, line)
    assert len(caught.value.reason) < 250, "a reason quotes at most a little of the value"
    return caught.value


def line_with(extra: bytes, resource_type: ResourceType = MESSAGES) -> bytes:
    """A record's line with raw text as further members."""
    return json.dumps(a_record(resource_type)).encode()[:-1] + b"," + extra + b"}"
