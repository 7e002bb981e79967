"""Lines do not change by accident: one record of each type, in both forms that come in, and the line it becomes.

`python -m tests.golden.test_records` writes the lines anew. Look at the difference: what is stored and sealed already
has the old form.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dayfile.model.record import Record, RecordReader
from dayfile.model.resource import RESOURCE_TYPES, ResourceType

FOLDER = Path(__file__).parent / "records"
NOW = datetime(2026, 10, 2, 12, tzinfo=UTC)


def _parse(resource_type: ResourceType, form: str) -> Record:
    text = (FOLDER / f"{resource_type.name.lower()}.{form}.json").read_bytes()
    return RecordReader(resource_type, now=NOW).parse(text)


def _kept(resource_type: ResourceType) -> Path:
    return FOLDER / f"{resource_type.name.lower()}.line.json"


@pytest.mark.parametrize("form", ["rest", "export", "line"])
@pytest.mark.parametrize("resource_type", RESOURCE_TYPES, ids=str)
def test_a_record_becomes_the_same_line_from_every_form(resource_type: ResourceType, form: str) -> None:
    """The same record, sent by two platforms in two forms, must not look like two versions of it."""
    assert _parse(resource_type, form).line == _kept(resource_type).read_bytes()


def rewrite() -> None:
    """Write the lines as the code makes them now."""
    for resource_type in RESOURCE_TYPES:
        _kept(resource_type).write_bytes(_parse(resource_type, "rest").line)


if __name__ == "__main__":
    rewrite()
