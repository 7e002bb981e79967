"""The values of documented fields: what each kind accepts, and its form in a canonical line.

A value of another type is accepted only if nothing can be lost by it: `"1"` is the integer 1, `"01"` is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, NoReturn

import msgspec

from dayfile.errors import InvalidRecord
from dayfile.model.moment import canonical_moment
from dayfile.model.resource import RESOURCE_TYPES, Kind, ResourceType
from dayfile.model.strictjson import Value, shown

Read = Callable[[str, Value], Value]
"""A function from a field's name and value to the value in the canonical line. Raises InvalidRecord."""

MIN_INTEGER: Final = -(2**63)
MAX_INTEGER: Final = 2**63 - 1

# Numbers of segments, media and seconds are few and small. The pattern also bounds the length of what is cached.
_INTEGERS_REMEMBERED = 4096
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_AMOUNT = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")

is_amount: Final = _AMOUNT.fullmatch
"""The match of a text that is a JSON number and nothing else, or None."""


def sid_reader(prefixes: tuple[str, ...]) -> Read:
    """Return the function that reads a required sid."""
    matches = re.compile(f"(?:{'|'.join(prefixes)})[0-9a-f]{{32}}").fullmatch
    rule = f"must be {' or '.join(prefixes)} followed by 32 lower-case hexadecimal digits"

    def read_sid(name: str, value: Value) -> str:
        if type(value) is str and matches(value):
            return value
        if value is None:
            raise _absent(name, rule)
        raise _refusal(name, rule, value)

    return read_sid


def of_another_type(invalid: InvalidRecord, members: Mapping[str, Value], own: ResourceType) -> InvalidRecord:
    """Return the refusal of a record's sid, with a hint if the record has the sids of another type."""
    if invalid.field not in [key.name for key in own.key_fields]:
        return invalid
    for other in RESOURCE_TYPES:
        if other is not own and _has_sids_of(other, members):
            rule, got, value = invalid.reason.partition("; got ")
            hint = f"{_sids_of(other, members)} for {other}: send it as one of them"
            return InvalidRecord(invalid.field, f"{rule}; {hint}{got}{value}", of_type=other.name)
    return invalid


def _has_sids_of(resource_type: ResourceType, members: Mapping[str, Value]) -> bool:
    for key in resource_type.key_fields:  # a generator would take most of the time of a refusal
        value = members.get(key.name)
        if not (isinstance(value, str) and value.startswith(key.prefixes)):
            return False
    return True


def _sids_of(resource_type: ResourceType, members: Mapping[str, Value]) -> str:
    """Name the sids of a record as subject and verb of the hint."""
    names = [key.name for key in resource_type.key_fields]
    return f"{str(members[names[0]])[:2]} stands" if len(names) == 1 else f"{' and '.join(names)} stand"


def read_needed_moment(name: str, value: Value) -> str:
    """Read a required time."""
    if value is None:
        raise _absent(name, "must be a time with its zone")
    return _read_moment(name, value)


def _read_moment(name: str, value: Value) -> str:
    if type(value) is not str:
        raise _refusal(name, "must be a time as text, or null", value)
    try:
        return canonical_moment(value)
    except ValueError as error:
        raise _refusal(name, str(error), value) from error


def _read_text(name: str, value: Value) -> NoReturn:
    raise _refusal(name, "must be text or null", value)


def _read_integer(name: str, value: Value) -> int:
    digits = bytes(value).decode() if type(value) is msgspec.Raw else value
    try:
        return integer_of(digits if type(digits) is str else "")
    except ValueError as error:
        raise _refusal(name, str(error), value) from error


@lru_cache(maxsize=_INTEGERS_REMEMBERED)
def integer_of(digits: str) -> int:
    """Return the integer that a text spells as JSON does; raises ValueError with the rule that it breaks."""
    if _INTEGER.fullmatch(digits) and MIN_INTEGER <= (number := int(digits)) <= MAX_INTEGER:
        return number
    raise ValueError("must be an integer of at most 64 bits, or null")


def _read_amount(name: str, value: Value) -> str:
    if type(value) is msgspec.Raw:
        return bytes(value).decode()
    if type(value) is str and is_amount(value):
        return value
    raise _refusal(name, "must be a JSON number, as text or not, or null", value)


def _read_boolean(name: str, value: Value) -> bool:
    if value == "true" or value == "false":  # noqa: PLR1714 - a value may be a list, which no set can be asked for
        return value == "true"
    raise _refusal(name, "must be true, false or null", value)


def _refusal(name: str, rule: str, value: Value) -> InvalidRecord:
    return InvalidRecord(name, f"{rule}; got {shown(value)}")


def _absent(name: str, rule: str) -> InvalidRecord:
    return InvalidRecord(name, f"{rule}; it is missing or null")


READERS: Final[dict[Kind, tuple[type | None, Read]]] = {
    Kind.TEXT: (str, _read_text),
    Kind.INTEGER: (None, _read_integer),
    Kind.AMOUNT: (None, _read_amount),
    Kind.BOOLEAN: (bool, _read_boolean),
    Kind.MOMENT: (None, _read_moment),
}
"""For each kind, the type whose values are copied to the line unchanged, if any, and the reader of others but null."""
