"""Resource types: one table entry each for Messages, Calls, Conferences and Participants.

An entry gives the fields that name a record, the other documented fields with their kinds, and the fields of the REST
form that an export drops. Everything else follows from it: what a reader accepts, the form of a canonical line, and the
positions of its fixed parts. Another type is another entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from dayfile.errors import NotFound

Span = tuple[int, int]
"""The position of a text in a line: byte offsets, half open."""

SID_BYTES = 34
MOMENT_BYTES = 20


class Kind(Enum):
    """The kind of a documented field's values, except null. The enum's value is the rule that a rejection states."""

    TEXT = "text"
    INTEGER = "an integer; an integer written as text is taken as one"
    AMOUNT = "a JSON number written as text; a number is taken digit by digit"
    BOOLEAN = "true or false"
    MOMENT = "a time, kept in UTC and whole seconds: 2026-10-01T10:00:00Z"


@dataclass(frozen=True, slots=True)
class KeyField:
    """A sid that names the record, alone or together with the next one."""

    name: str
    prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A documented field that comes after the fixed parts of the line."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResourceType:
    """One of the types of record that can be exported. There is one object per type, also after unpickling."""

    name: str
    key_fields: tuple[KeyField, ...]
    fields: tuple[Field, ...]  # in the order of the line
    dropped: tuple[str, ...]  # fields of the REST form that an export does not have

    # Positions in every canonical line of this type.
    key_spans: tuple[Span, ...] = field(init=False)
    account_span: Span = field(init=False)
    created_span: Span = field(init=False)
    updated_span: Span = field(init=False)

    def __post_init__(self) -> None:
        *keys, account, created, updated = _spans(tuple(key.name for key in self.key_fields))
        for name, value in (
            ("key_spans", tuple(keys)),
            ("account_span", account),
            ("created_span", created),
            ("updated_span", updated),
        ):
            object.__setattr__(self, name, value)

    def __reduce__(self) -> tuple[Callable[[str], ResourceType], tuple[str]]:
        return parse_resource_type, (self.name,)

    def __str__(self) -> str:
        return self.name


def _spans(keys: tuple[str, ...]) -> Iterator[Span]:
    """Yield the positions of the fixed values of a canonical line: `{"<name>":"<value>","<name>":"<value>",...`."""
    at = 1
    for name in (*keys, "account_sid", "date_created", "date_updated"):
        start = at + len(f'"{name}":"')
        stop = start + (MOMENT_BYTES if name.startswith("date_") else SID_BYTES)
        yield start, stop
        at = stop + len('",')


def _of(kind: Kind, *names: str) -> tuple[Field, ...]:
    return tuple(Field(name, kind) for name in names)


MESSAGES = ResourceType(
    name="Messages",
    key_fields=(KeyField("sid", ("SM", "MM")),),
    fields=(
        *_of(Kind.MOMENT, "date_sent"),
        *_of(Kind.TEXT, "status", "direction", "from", "to", "body"),
        *_of(Kind.INTEGER, "num_segments", "num_media", "error_code"),
        *_of(Kind.AMOUNT, "price"),
        *_of(Kind.TEXT, "messaging_service_sid"),
    ),
    # The API's documentation spells the first one in both ways.
    dropped=("price_unit", "price_units", "api_version", "error_message", "uri", "subresource_uris"),
)

CALLS = ResourceType(
    name="Calls",
    key_fields=(KeyField("sid", ("CA",)),),
    fields=(
        *_of(Kind.MOMENT, "start_time", "end_time"),
        *_of(Kind.TEXT, "status", "direction", "from", "from_formatted", "to", "to_formatted"),
        *_of(Kind.AMOUNT, "duration", "queue_time", "price"),
        *_of(Kind.TEXT, "price_unit", "answered_by", "forwarded_from", "caller_name"),
        *_of(Kind.TEXT, "parent_call_sid", "phone_number_sid", "group_sid", "trunk_sid", "api_version"),
    ),
    dropped=("uri", "subresource_uris"),
)

CONFERENCES = ResourceType(
    name="Conferences",
    key_fields=(KeyField("sid", ("CF",)),),
    fields=_of(Kind.TEXT, "friendly_name", "region", "status", "reason_conference_ended", "call_sid_ending_conference"),
    dropped=("api_version", "uri", "subresource_uris"),
)

PARTICIPANTS = ResourceType(
    name="Participants",
    key_fields=(KeyField("conference_sid", ("CF",)), KeyField("call_sid", ("CA",))),
    fields=(
        *_of(Kind.TEXT, "status"),
        *_of(Kind.BOOLEAN, "muted", "hold", "coaching", "start_conference_on_enter", "end_conference_on_exit"),
        *_of(Kind.TEXT, "call_sid_to_coach"),
        *_of(Kind.AMOUNT, "queue_time"),
    ),
    dropped=("uri", "label"),
)

RESOURCE_TYPES = (MESSAGES, CALLS, CONFERENCES, PARTICIPANTS)

TYPE_BY_NAME = {resource_type.name: resource_type for resource_type in RESOURCE_TYPES}


def parse_resource_type(text: str) -> ResourceType:
    """Read the name of a resource type as the API spells it, `Messages`; raises NotFound for any other text."""
    found = TYPE_BY_NAME.get(text)
    if found is None:
        names = ", ".join(TYPE_BY_NAME)
        raise NotFound(f"There is no resource type {text[:40]!r}: use one of {names}, spelled like this")
    return found
