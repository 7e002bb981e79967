"""Quotes, counted: lines have as many around names and values as the text made of them, or have a name twice."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from dayfile.model.line_codec import encode_lines

PAIR: Final = 2
"""The quotes of a name, or of a text."""

_QUOTE: Final = pa.scalar(ord('"'), pa.uint8())
_LONG_BYTES = 16 * 1024


def quotes_of(text: bytes) -> int:
    """Return the number of quotes around names and values, except closing ones after a backslash.

    Such a value has its backslash in the final text as well as in the line, where it may be spelled so that the quote
    counts.
    """
    count = _count(text)
    if b"\\" not in text:
        return count
    # Backslashes are few: this takes a fraction of the time of counting the pair.
    _, *after_backslashes = text.split(b"\\")
    return count - sum(map(bytes.startswith, after_backslashes, repeat(b'"')))


def _count(text: bytes) -> int:
    if len(text) < _LONG_BYTES:
        return text.count(b'"')
    array = pa.Array.from_buffers(pa.uint8(), len(text), [None, pa.py_buffer(text)])
    return int(pc.equal(array, _QUOTE).true_count)  # in two thirds of the time


def quotes_of_field(values: Sequence[Any]) -> int:
    """Return the number of quotes that a field, its name included, has in lines; UNSET where a line is without it."""
    if (first := values[0]) is msgspec.UNSET and values.count(first) == len(values):
        return 0
    if first is None and values.count(None) == len(values):
        return PAIR * len(values)
    texts = _joined(values) if type(first) is str else None
    if texts is not None and '"' not in texts and "\\" not in texts:
        return (PAIR + PAIR) * len(values)
    given = [value for value in values if value is not msgspec.UNSET]
    return PAIR * len(given) + quotes_of(encode_lines(given))


def _joined(values: Sequence[Any]) -> str | None:
    """Return the values as one text; None if not all are texts."""
    try:
        return "".join(values)
    except TypeError:
        return None
