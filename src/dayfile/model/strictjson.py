"""Strict reading of one JSON object: every number keeps its digits, and no name occurs twice.

Python's own library reads `{"a": 1, "a": 2}` as 2 and 1.10 as 1.1, and accepts NaN. A record is evidence: its bytes
mean one thing or it is refused.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Final, NoReturn

import msgspec

from dayfile.errors import InvalidRecord

Value = str | bool | int | msgspec.Raw | list["Value"] | dict[str, "Value"] | None
"""A JSON value. Numbers are `Raw`, so that they are written again digit by digit."""

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
"""A mark that some programs write before UTF-8. It is skipped at the start of a file or body, and an error within."""

_SHOWN_CHARACTERS = 40


def parse_object(line: bytes) -> dict[str, Value]:
    """Read one JSON object without white space around it; raises InvalidRecord for anything else."""
    if line.startswith(BYTE_ORDER_MARK):
        raise InvalidRecord(
            None, "must not start with a byte order mark, except at the start of a body: send UTF-8 without one"
        )
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise _no_object(f"must be UTF-8: byte {error.start + 1} of the line is not") from error
    try:
        value, end = _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        if text and error.pos >= len(text):
            raise _no_object("must be a JSON object on one line: it is not over where the line ends") from error
        raise _no_object(f"must be a JSON object: {error.msg} at character {error.pos + 1}") from error
    except RecursionError as error:
        raise too_deep() from error
    if end != len(text):
        raise _no_object(f"must be one JSON object: more follows it at character {end + 1}{_way_out(text[end:])}")
    if not isinstance(value, dict):
        raise _no_object(f"must be a JSON object; got {shown(value)}")
    return value


def lines_lost(text: str | bytes) -> str:
    """Say what to do if it seems that several records are on one line; nothing otherwise."""
    is_lost = re.search(r"\}\s*\{", text) if isinstance(text, str) else re.search(rb"\}\s*\{", text)
    if not is_lost:
        return ""
    return (
        "; put each record on a line of its own (curl -d @FILE takes the newlines away, --data-binary @FILE does not)"
    )


def _way_out(rest: str) -> str:
    if rest.lstrip().startswith(","):
        return "; a comma stands between the elements of a JSON array only"
    return lines_lost("}" + rest)


def shown(value: Value) -> str:
    """Return the value for a message: the whole if it is short, else its beginning or its kind."""
    match value:
        case str():
            return repr(value) if len(value) <= _SHOWN_CHARACTERS else f"{value[:_SHOWN_CHARACTERS]!r}..."
        case msgspec.Raw():
            return bytes(value)[:_SHOWN_CHARACTERS].decode()
        case dict():
            return "an object"
        case list():
            return "an array"
        case _:
            return json.dumps(value)


def too_deep() -> InvalidRecord:
    """Return the error for a line whose values are nested too deeply to be read or written."""
    return InvalidRecord(None, "is nested too deeply: send flatter values")


def _no_object(reason: str) -> InvalidRecord:
    return InvalidRecord(None, reason, is_object=False)


def _unique(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _twice(pairs)
    return members


def _twice(pairs: list[tuple[str, Value]]) -> InvalidRecord:
    name, _ = Counter(name for name, _ in pairs).most_common(1)[0]
    return InvalidRecord(None, f"must not have {shown(name)} twice in one object: send it once")


def _refuse_constant(text: str) -> NoReturn:
    raise _no_object(f"must be a JSON object: {text} is not JSON, send null")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_int=msgspec.Raw,
    parse_float=msgspec.Raw,
    parse_constant=_refuse_constant,
)
