"""A record is its content: what holds for every way to write it down, and for every way to get it wrong."""

import json
from random import Random  # noqa: TID251 - of what hypothesis draws
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dayfile.errors import InvalidRecord
from dayfile.model.day import Day
from dayfile.model.record import Record, RecordReader
from dayfile.model.resource import RESOURCE_TYPES, ResourceType
from tests.support.spellings import NOW, damaged, line_text, randoms, sent, types_and_contents


@given(types_and_contents, randoms)
def test_a_content_gives_one_line_however_it_is_sent(given: tuple[ResourceType, dict[str, Any]], rng: Random) -> None:
    """Two platforms that tell the same about a record must not make two versions of it, nor two hashes of a day."""
    resource_type, content = given
    record = RecordReader(resource_type, now=NOW).parse(sent(resource_type, content, rng))
    assert record.line.decode() == line_text(content) + "\n"
    assert record.account == content["account_sid"]
    assert record.day == Day.parse(content["date_created"][:10])


@given(types_and_contents)
def test_a_line_gives_itself(given: tuple[ResourceType, dict[str, Any]]) -> None:
    """A line that was exported can be taken in again and is the same record."""
    resource_type, content = given
    line = f"{line_text(content)}\n".encode()
    for keep_dropped in (False, True):
        assert RecordReader(resource_type, keep_dropped=keep_dropped, now=NOW).parse(line).line == line


@given(types_and_contents)
def test_identity_and_version_are_cut_by_position(given: tuple[ResourceType, dict[str, Any]]) -> None:
    """Sealing finds the newest version of every record without parsing one."""
    resource_type, content = given
    line = RecordReader(resource_type, now=NOW).parse(line_text(content).encode()).line.decode("latin-1")
    spans = [*resource_type.key_spans, resource_type.account_span, resource_type.created_span]
    spans.append(resource_type.updated_span)
    assert [line[start:stop] for start, stop in spans] == list(content.values())[: len(spans)]


def _outcome(reader: RecordReader, line: bytes) -> Record | None:
    try:
        return reader.parse(line)
    except InvalidRecord as error:
        reason = str(error).encode()  # it can be stored and sent
    assert len(reason) < 500
    return None


@given(types_and_contents, randoms, st.integers(1, 3))
def test_a_damaged_line_is_refused_or_is_a_sound_record(
    given: tuple[ResourceType, dict[str, Any]], rng: Random, changes: int
) -> None:
    """Intake goes on, whatever arrives; and what it takes is canonical, so that it gives itself."""
    resource_type, content = given
    line = sent(resource_type, content, rng)
    for _ in range(changes):
        line = damaged(line, rng)
    reader = RecordReader(resource_type, keep_dropped=rng.random() < 0.5, now=NOW)
    record = _outcome(reader, line)
    if record is not None:
        assert reader.parse(record.line) == record
        assert len(json.loads(record.line)) > len(resource_type.fields)


@given(st.sampled_from(RESOURCE_TYPES), st.binary(max_size=60))
def test_no_bytes_bring_the_reader_down(resource_type: ResourceType, line: bytes) -> None:
    """One request's nonsense must not end the process that others use."""
    assert _outcome(RecordReader(resource_type, now=NOW), line) is None
