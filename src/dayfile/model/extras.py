"""Undocumented fields: they keep the order that they have, and their values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise, repeat
from operator import lt
from typing import Any

import msgspec

from dayfile.model.block_codec import Column
from dayfile.model.line_codec import encode_lines
from dayfile.model.odd import OddError
from dayfile.model.strictjson import parse_object

Given = Sequence[bytes | None]
"""The values of one field as lines have them; None where a line is without it."""

_MOST_BRACKETS = 100  # in a field: whether more are nested too deeply depends on what is around them
# JSON that is its own canonical text: without spaces and escapes.
_PLAIN_VALUE = re.compile(rb'"[^"\\\x00-\x1f]*"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null')


def final_value(value: bytes) -> msgspec.Raw | None:
    """Return a value of an undocumented field in its final form; None for what is final. Raises ValueError."""
    if _PLAIN_VALUE.fullmatch(value):
        value.decode()
        return None
    if value.count(b"[") + value.count(b"{") > _MOST_BRACKETS:
        raise ValueError("may be nested too deeply")
    read = parse_object(b'{"":%b}' % value)[""]
    return msgspec.Raw(encode_lines([read])[:-1])


def check_order(
    extras: Sequence[tuple[Column, Given]], dropped: Sequence[Sequence[Any]], lines: Sequence[bytes]
) -> None:
    """Check that undocumented fields come in this order; raises OddError.

    Their values are those of the lines, and `dropped` has those of fields that an export drops.
    """
    if sum(map(any, (given for _, given in extras))) < 2:  # noqa: PLR2004 - one has no order
        return
    names = [b'"%b":' % column.name.encode() for column, _ in extras]
    columns = [given for _, given in extras]
    if _end(names, columns, lines):
        return
    _check_inner_names(extras, dropped)
    # A text and a colon are a name. Without names within values, its last place is the field's own.
    places = [list(map(bytes.rfind, lines, repeat(name))) for name in names]
    if min(places[0]) >= 0 and all(all(map(lt, one, other)) for one, other in pairwise(places)):
        return
    for at, found in enumerate(zip(*places, strict=True)):
        of_line = [place for place, column in zip(found, columns, strict=True) if column[at] is not None]
        if -1 in of_line or of_line != sorted(of_line):
            raise OddError(at)


def _end(names: Sequence[bytes], columns: Sequence[Given], lines: Sequence[bytes]) -> bool:
    """Return True if these names and their values are the end of each line, as most programs write them.

    What is between the first of these names and the brace that ends the object is then known, and it is all within it:
    a quote before a name begins it, as nothing else can come between that quote and a colon.
    """
    if any(None in given for given in columns):
        return False
    for space in (b" ", b""):
        end = (b"," + space).join(name + space + b"%b" for name in names) + b"}"
        if lines[0].endswith(end % tuple(given[0] for given in columns)):
            return all(map(bytes.endswith, lines, map(end.__mod__, zip(*columns, strict=True))))
    return False


def _check_inner_names(extras: Sequence[tuple[Column, Given]], dropped: Sequence[Sequence[Any]]) -> None:
    """Check that no undocumented field has its name within the value of another field."""
    quoted = [b'"%b"' % column.name.encode() for column, _ in extras]
    for _, given in extras:
        every = b"\n".join(filter(None, given))
        if not any(map(every.__contains__, quoted)):
            continue
        for value in set(given) - {None}:
            if value and value.startswith((b"{", b"[")) and any(map(value.__contains__, quoted)):
                raise OddError(given.index(value))
    names = {column.name for column, _ in extras}
    for values in dropped:
        if dict in set(map(type, values)):
            for at, value in enumerate(values):
                if isinstance(value, dict) and not names.isdisjoint(value):
                    raise OddError(at)
