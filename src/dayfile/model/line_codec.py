"""Layouts of lines: how lines of a resource type are read and written, worked out once from its table entry."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final

import msgspec

from dayfile.model.fields import (
    MAX_INTEGER,
    MIN_INTEGER,
    READERS,
    RESPELLERS,
    Read,
    read_needed_moment,
    sid_pattern,
    sid_reader,
)
from dayfile.model.moment import CANONICAL, canonical_moment
from dayfile.model.resource import Kind, ResourceType
from dayfile.model.strictjson import Value

encode_lines: Final = msgspec.json.Encoder().encode_lines
"""Compact JSON in UTF-8, every text in its shortest form, a newline after each value."""

_ACCOUNT_PREFIXES = ("AC",)

_TYPES: Final[dict[Kind, Any]] = {
    Kind.TEXT: str | None,
    Kind.INTEGER: Annotated[int, msgspec.Meta(ge=MIN_INTEGER, le=MAX_INTEGER)] | None,
    Kind.AMOUNT: str | None,
    Kind.BOOLEAN: bool | None,
    Kind.MOMENT: str | None,
}
_SPELLED: Final[dict[Kind, Any]] = {Kind.INTEGER: _TYPES[Kind.INTEGER] | str, Kind.MOMENT: str | None}
_DROPPED: Final[Any] = str | dict[str, str] | None | msgspec.UnsetType


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LineCodec:
    """The parsers and parts of the lines of one resource type."""

    blank: dict[str, Value]  # all documented fields in the order of the line, each null
    needed: tuple[tuple[str, Read], ...]  # the fixed part of the line: never null, first, in this order
    # The other documented fields in their order: name, the type that needs no reading, and how the others are read.
    optional: tuple[tuple[str, type | None, Read], ...]
    decode: Callable[[bytes], Any]  # an object with exactly these fields, all of their type, into a struct
    moments: tuple[str, ...]  # the attributes of that struct that hold a time or None
    amounts: tuple[str, ...]  # those of both structs that hold a text, which should be a number, or None
    # The same for an object that may have fields which an export drops, too, and may have integers as text.
    decode_spelled: Callable[[bytes], Any]
    # The attributes of that struct whose texts are to be respelled, times and integers; how, raising ValueError.
    spelled: tuple[tuple[str, Callable[[str], Value]], ...]
    match_head: Callable[[bytes], re.Match[bytes] | None]  # the fixed part of a line; groups: created day, updated day


@cache
def codec_of(resource_type: ResourceType) -> LineCodec:
    """Return the layout of a resource type."""
    needed = (
        *((key.name, sid_reader(key.prefixes)) for key in resource_type.key_fields),
        ("account_sid", sid_reader(_ACCOUNT_PREFIXES)),
        ("date_created", read_needed_moment),
        ("date_updated", read_needed_moment),
    )
    needed_names = [name for name, _ in needed]
    spelled = [field for field in resource_type.fields if field.kind in RESPELLERS]
    return LineCodec(
        blank=dict.fromkeys(needed_names + [field.name for field in resource_type.fields]),
        needed=needed,
        optional=tuple((field.name, *READERS[field.kind]) for field in resource_type.fields),
        decode=_decoder(resource_type, needed_names, _TYPES),
        moments=_attributes(resource_type, Kind.MOMENT),
        amounts=_attributes(resource_type, Kind.AMOUNT),
        decode_spelled=_decoder(resource_type, needed_names, _TYPES | _SPELLED, dropped=resource_type.dropped),
        spelled=(
            ("date_created", canonical_moment),
            ("date_updated", canonical_moment),
            *((_attribute(field.name), RESPELLERS[field.kind]) for field in spelled),
        ),
        match_head=_head(resource_type).match,
    )


def _decoder(
    resource_type: ResourceType, needed: Iterable[str], types: dict[Kind, Any], *, dropped: Iterable[str] = ()
) -> Callable[[bytes], Any]:
    fields: list[Any] = [(_attribute(name), str) for name in needed]
    fields += [(_attribute(field.name), types[field.kind]) for field in resource_type.fields]
    fields += [(name, _DROPPED, msgspec.UNSET) for name in dropped]
    names = {_attribute(field.name): field.name for field in resource_type.fields}
    struct = msgspec.defstruct(resource_type.name, fields, rename=names, forbid_unknown_fields=True, gc=False)
    return msgspec.json.Decoder(struct).decode


def _attributes(resource_type: ResourceType, kind: Kind) -> tuple[str, ...]:
    return tuple(_attribute(field.name) for field in resource_type.fields if field.kind is kind)


def _attribute(name: str) -> str:
    """Return a field's name in Python: `from` is a keyword."""
    return f"{name}_" if keyword.iskeyword(name) else name


def _head(resource_type: ResourceType) -> re.Pattern[bytes]:
    moment = CANONICAL.replace("T", ")T", 1)
    values = [(key.name, sid_pattern(key.prefixes)) for key in resource_type.key_fields]
    values += [("account_sid", sid_pattern(_ACCOUNT_PREFIXES))]
    values += [("date_created", f"({moment}"), ("date_updated", f"({moment}")]
    return re.compile(("{" + ",".join(f'"{name}":"{pattern}"' for name, pattern in values)).encode())
