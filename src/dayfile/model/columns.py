"""Columns: the values that one field has in many lines, judged and respelled together, at the speed of C.

A column is valid or it is not. Which of its values is wrong, and why, is found by reading the lines one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Final

import msgspec

from dayfile.model.moment import canonical_moment, find_day

_DIGIT_TO_ZERO: Final = bytes.maketrans(b"123456789", b"000000000")
_HEX_TO_ZERO: Final = bytes.maketrans(b"123456789abcdef", b"0" * 15)
_SID_DIGITS: Final = b"0" * 32
_MOMENT_SHAPE: Final = b"0000-00-00T00:00:00Z\n"
_CLOCK_SHAPE: Final = b"00:00:00\n"
_CLOCK_AT: Final = 11
_CLOCK_DIGITS: Final = (0, 1, 3, 4, 6, 7)
_HOURS_THAT_ARE_NONE: Final = (b"24", b"25", b"26", b"27", b"28", b"29")
_MIDNIGHT: Final = "00:00:00"

date_of: Final = itemgetter(slice(10))
"""The function from a moment in the canonical form to its date."""


def are_sids(values: Sequence[str], prefixes: Sequence[str]) -> bool:
    """Return True if each value is one of the prefixes, of two letters, and 32 lower-case hexadecimal digits."""
    shape = _rows(values).translate(_HEX_TO_ZERO)
    first, *others = [prefix.encode() + _SID_DIGITS + b"\n" for prefix in prefixes]
    for other in others:
        shape = shape.replace(other, first)
    return shape == first * len(values)


def are_moments(values: Sequence[str]) -> bool:
    """Return True if each value is a moment in the canonical form, and its day one of the calendar."""
    rows = _rows(values)
    if len(rows) != len(_MOMENT_SHAPE) * len(values):
        return False
    dates = set(map(date_of, values[:1]))
    # Most are of one date, which is found faster than the dates of all.
    if _without_clocks(rows, _CLOCK_AT, len(_MOMENT_SHAPE)) != b"".join(map(_midnight_of, dates)) * len(values):
        if rows.translate(_DIGIT_TO_ZERO) != _MOMENT_SHAPE * len(values):
            return False
        dates = set(map(date_of, values))
    return _are_clocks(rows, _CLOCK_AT, len(_MOMENT_SHAPE)) and all(map(find_day, dates))


def canonical_moments(values: Sequence[str]) -> list[str]:
    """Return moments, each in any form that `canonical_moment` reads, in the canonical form; raises its ValueError."""
    at = values[0].find(":") - 2 if values else 0
    if at <= 0:
        return _moments_by_length(values)
    if respelled := _moments_of_one_date(values, at):
        return respelled
    clocks = [value[at : at + len(_MIDNIGHT)] for value in values]
    rows = _rows(clocks)
    if rows.translate(_DIGIT_TO_ZERO) != _CLOCK_SHAPE * len(clocks) or not _are_clocks(rows, 0, len(_CLOCK_SHAPE)):
        return _moments_by_length(values)
    around = [(value[:at], value[at + len(_MIDNIGHT) :]) for value in values]
    dates = {pair: _date_of(*pair) for pair in set(around)}
    if None in dates.values():
        return _moments_by_length(values)
    return [f"{dates[pair]}T{clock}Z" for pair, clock in zip(around, clocks, strict=True)]


def _moments_by_length(values: Sequence[str]) -> list[str]:
    """Return moments of several spellings, those of each length together; those of one length each by itself."""
    of_length: dict[int, list[str]] = {}
    for value in values:
        of_length.setdefault(len(value), []).append(value)
    if len(of_length) <= 1:
        return list(map(canonical_moment, values))
    respelled: dict[str, str] = {}
    for some in of_length.values():
        respelled.update(zip(some, canonical_moments(some), strict=True))
    return [respelled[value] for value in values]


def texts_of(values: Sequence[Any]) -> list[bytes | None]:
    """Return values that are JSON as bytes; None for UNSET."""
    try:
        texts = b"\n".join(values).split(b"\n")  # making bytes of each takes twice as long
    except TypeError:
        return [None if value is msgspec.UNSET else bytes(value) for value in values]
    return [*texts] if len(texts) == len(values) else list(map(bytes, values))


def _moments_of_one_date(values: Sequence[str], at: int) -> list[str] | None:
    """Return moments that differ only in their clocks, which begin at a position; None if they do not.

    This takes a third of the time of the more general way.
    """
    before, after = values[0][:at], values[0][at + len(_MIDNIGHT) :]
    date = _date_of(before, after)
    rows, row_bytes = _rows(values), len(values[0]) + 1
    usual = f"{before}{_MIDNIGHT}{after}\n".encode("ascii", "replace")
    if date is None or len(rows) != row_bytes * len(values):
        return None
    if _without_clocks(rows, at, row_bytes) != usual * len(values) or not _are_clocks(rows, at, row_bytes):
        return None
    respelled = bytearray(_midnight_of(date) * len(values))
    for digit in _CLOCK_DIGITS:
        respelled[_CLOCK_AT + digit :: len(_MOMENT_SHAPE)] = rows[at + digit :: row_bytes]
    return respelled.decode().split("\n")[:-1]


def _date_of(before: str, after: str) -> str | None:
    """Return the date that a moment has, whatever its clock says between these; None if its zone moves it."""
    try:
        midnight = canonical_moment(before + _MIDNIGHT + after)
    except ValueError:
        return None
    date, _, clock = midnight.partition("T")
    return date if clock == f"{_MIDNIGHT}Z" else None


def _midnight_of(date: str) -> bytes:
    """Return the first moment of a date, and a newline."""
    return f"{date}T{_MIDNIGHT}Z\n".encode("ascii", "replace")


def _without_clocks(rows: bytes, at: int, row_bytes: int) -> bytearray:
    """Return rows of one length with zeros for the digits of the time at a position of each."""
    without = bytearray(rows)
    zeros = b"0" * (len(rows) // row_bytes)
    for digit in _CLOCK_DIGITS:
        without[at + digit :: row_bytes] = zeros
    return without


def _are_clocks(rows: bytes, at: int, row_bytes: int) -> bool:
    """Return True if what is in place of the digits of a time is one from 00:00:00 to 23:59:59, in each row."""
    hour_tens, hour_ones, *others = (rows[at + digit :: row_bytes] for digit in _CLOCK_DIGITS)
    minute_tens, minute_ones, second_tens, second_ones = others
    if hour_tens.strip(b"012") or (minute_tens + second_tens).strip(b"012345"):
        return False
    if (hour_ones + minute_ones + second_ones).strip(b"0123456789"):
        return False
    if b"2" not in hour_tens:
        return True
    hours = bytearray(b"00\n") * len(hour_tens)
    hours[0::3], hours[1::3] = hour_tens, hour_ones
    return not any(map(hours.__contains__, _HOURS_THAT_ARE_NONE))


def _rows(values: Sequence[str]) -> bytes:
    """Return the values in ASCII, a newline after each; other characters are question marks."""
    return ("\n".join(values) + "\n").encode("ascii", "replace") if values else b""
