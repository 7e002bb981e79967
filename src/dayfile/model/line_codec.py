"""Codecs of lines: how one line of a resource type is read and written, worked out once from its table entry."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import msgspec

from dayfile.model.fields import READERS, Read, read_needed_moment, sid_reader
from dayfile.model.resource import ResourceType
from dayfile.model.strictjson import Value

encode_lines: Final = msgspec.json.Encoder().encode_lines
"""Compact JSON in UTF-8, every text in its shortest form, a newline after each value."""

_ACCOUNT_PREFIXES = ("AC",)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LineCodec:
    """The readers of the fields of one resource type."""

    blank: dict[str, Value]  # all documented fields in the order of the line, each null
    needed: tuple[tuple[str, Read], ...]  # the fixed part of the line: never null, first, in this order
    # The other documented fields in their order: name, the type that needs no reading, and how the others are read.
    optional: tuple[tuple[str, type | None, Read], ...]


@cache
def codec_of(resource_type: ResourceType) -> LineCodec:
    """Return the codec of a resource type."""
    needed = (
        *((key.name, sid_reader(key.prefixes)) for key in resource_type.key_fields),
        ("account_sid", sid_reader(_ACCOUNT_PREFIXES)),
        ("date_created", read_needed_moment),
        ("date_updated", read_needed_moment),
    )
    names = [name for name, _ in needed] + [field.name for field in resource_type.fields]
    return LineCodec(
        blank=dict.fromkeys(names),
        needed=needed,
        optional=tuple((field.name, *READERS[field.kind]) for field in resource_type.fields),
    )
