"""The first records of a file, as texts for a table. Bounded, whatever is in the file."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from markupsafe import escape

from dayfile.model.export import SealedDay
from dayfile.model.resource import CALLS, CONFERENCES, MESSAGES, PARTICIPANTS, ResourceType
from dayfile.objects.file_reader import FileReader

SHOWN_RECORDS: Final = 50
"""Most records that are shown."""

LONGEST_VALUE: Final = 80
"""Most characters of a value that are shown."""

_USUAL_COLUMNS: Final[Mapping[ResourceType, list[str]]] = {
    MESSAGES: ["date_created", "status", "direction", "from", "to", "body"],
    CALLS: ["date_created", "status", "direction", "from", "to", "duration"],
    CONFERENCES: ["date_created", "friendly_name", "region", "status", "reason_conference_ended"],
    PARTICIPANTS: ["date_created", "conference_sid", "call_sid", "status", "muted"],
}
_MOST_BYTES: Final = 8 * 1024 * 1024  # of plain text: eight lines of the longest
_MOST_CHARACTERS: Final = 40_000  # of a table in HTML
_CELL_CHARACTERS: Final = 20  # of the tags around a value
_GZIP: Final = 31  # zlib's number for a gzip member
_STEP_BYTES: Final = 64 * 1024


def columns_of(resource_type: ResourceType) -> list[str]:
    """Return the names of all documented fields of a type, in the order of its lines."""
    keys = [key.name for key in resource_type.key_fields]
    return [*keys, "account_sid", "date_created", "date_updated", *(field.name for field in resource_type.fields)]


def usual_columns(resource_type: ResourceType) -> list[str]:
    """Return the fields that are shown as long as nobody chooses others."""
    return _USUAL_COLUMNS.get(resource_type, columns_of(resource_type)[:6])


def first_records(reader: FileReader, sealed: SealedDay) -> list[dict[str, str]]:
    """Return the first records of a file, their values shortened; fewer if they are very long.

    Raises as `FileReader.blocks` does.
    """
    found: list[dict[str, str]] = []
    for line in _lines(reader, sealed):
        found.append({name: _shown(value) for name, value in _members(line).items()})
        if len(found) == SHOWN_RECORDS:
            break
    return found


def rows_of(records: Sequence[Mapping[str, str]], columns: Sequence[str]) -> list[list[str]]:
    """Return the rows of a table of these columns; fewer than there are records if they would make a page too large."""
    rows: list[list[str]] = []
    left = _MOST_CHARACTERS
    for record in records:
        row = [record.get(name, "") for name in columns]
        left -= sum(len(escape(value)) + _CELL_CHARACTERS for value in row)
        if rows and left < 0:
            break
        rows.append(row)
    return rows


def _lines(reader: FileReader, sealed: SealedDay) -> Iterator[bytes]:
    inflate, rest, taken = zlib.decompressobj(_GZIP), b"", 0
    for block in reader.blocks(sealed, start=0, stop=sealed.size_bytes):
        packed = block
        while packed and taken < _MOST_BYTES:
            plain = inflate.decompress(packed, _STEP_BYTES)
            packed, taken = inflate.unconsumed_tail, taken + len(plain)
            *lines, rest = (rest + plain).split(b"\n")
            yield from lines
        if taken >= _MOST_BYTES:
            return


def _members(line: bytes) -> dict[str, object]:
    """Return the members of a record; numbers stay as they are written, however long they are."""
    try:
        members: dict[str, object] = json.loads(line, parse_int=str, parse_float=str)
    except RecursionError:  # a field that is not documented may hold anything
        return {}
    return members


def _shown(value: object) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = text.encode(errors="replace").decode()  # half a character, which JSON can spell, has no place on a page
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
