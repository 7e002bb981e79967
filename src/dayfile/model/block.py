"""Blocks: lines that are read together, by one decoder, and come out as one text.

Nothing here decides that a line is bad. Whatever is out of the ordinary is an OddError, which leaves the lines to a
`RecordReader`: so this may give up for any reason, and is never wrong when it does not. Three things need care:

- *Which line an object is of.* Every line begins and ends with a brace, and no newline is in it. A brace, a newline and
  a brace are in no JSON object, so each boundary between lines is one between objects; and there are as many as lines.
  Of objects that are written as the very lines nothing else has to be asked, if no newline can be within them.
- *A name that comes twice*, of which a decoder keeps the last. The text that is made of the objects has as many quotes
  around names and values as the lines; no line can have fewer than its text, so none makes up for another.
- *Values that are copied as they are*: an amount must be a number, and an undocumented value that is not plain is read
  strictly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise, repeat
from operator import itemgetter, lt
from typing import Any, Final

import msgspec

from dayfile.errors import InvalidRecord
from dayfile.model.block_codec import MARK, MISSING, BlockCodec, Column
from dayfile.model.columns import are_moments, are_sids, canonical_moments
from dayfile.model.fields import integer_of, is_amount
from dayfile.model.line_codec import encode_lines
from dayfile.model.moment import canonical_moment
from dayfile.model.record import MAX_LINE_BYTES
from dayfile.model.strictjson import parse_object

_SHARE_BEFORE = 4  # of lines that cannot be decoded, one in so many is tried again if it is not known which is odd
_MOST_BRACKETS = 100  # in an undocumented field: whether more are nested too deeply depends on what is around them
_SPACE = b" \t\r\n"
_BRACES: Final = {tuple(b"{}")}
_ends: Final = itemgetter(0, -1)
# JSON that is its own canonical text: without spaces and escapes.
_PLAIN_VALUE = re.compile(rb'"[^"\\\x00-\x1f]*"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null')
_LINE_OF_ERROR = re.compile(r" - at `\$\[([0-9]+)\]")
_BYTE_OF_ERROR = re.compile(r" \(byte ([0-9]+)\)$")


class OddError(Exception):
    """Something about some lines is out of the ordinary; the number of those before it, or fewer, that may not be."""

    def __init__(self, before: int, *, is_of_types: bool = False) -> None:
        """Say with `is_of_types` that the lines are JSON, and a more tolerant codec may read them."""
        super().__init__(before)
        self.before = before
        self.is_of_types = is_of_types


class Block:
    """Lines that are decoded together."""

    def __init__(self, lines: Sequence[bytes], codec: BlockCodec) -> None:
        """Decode lines; raises OddError."""
        self._codec = codec
        self._lines = lines
        self._joined = b"\n".join(lines)
        try:
            self._drafts = codec.decode(self._joined)
        except (ValueError, RecursionError) as error:
            is_of_types = isinstance(error, msgspec.ValidationError)
            raise OddError(_lines_before(error, self._joined, len(lines)), is_of_types=is_of_types) from error
        if len(self._drafts) != len(lines):
            _check_objects(lines)
            _check_each(lines, lambda line: len(codec.decode(line)) == 1)
        self._known: dict[str, list[Any]] = {}  # the values of columns that were looked at, in their final form
        self.accounts = set(self._values(codec.account))

    @property
    def created(self) -> list[str]:
        """The time of creation of each record, in the final form once `canonical` has returned."""
        return self._values(self._codec.created)

    def canonical(self, *, keep_dropped: bool) -> bytes:
        """Bring all values into their final form, and return the lines; raises OddError."""
        text = self._compared()
        self._check_sids()
        is_changed = [self._respell_moments(column) for column in self._codec.moments]
        is_changed += [self._respell_integers(column) for column in self._codec.integers]
        if self._codec.is_strict:
            for column in self._codec.amounts:
                self._check_amounts(column)
        else:
            is_changed += [self._respell(column, self._raw(column), _amount) for column in self._codec.amounts]
        is_changed += [self._respell(column, self._raw(column), _extra) for column in self._codec.extras]
        self._check_order_of_extras()
        if any(is_changed) or (self._codec.dropped and not keep_dropped):
            final = self._codec.whole if keep_dropped else self._codec.without_dropped
            text = encode_lines(list(map(final.make, *map(self._values, final.columns))))
        text = text.replace(MARK, b"")
        if len(text) > MAX_LINE_BYTES:
            _check_each(text.split(b"\n"), lambda line: len(line) < MAX_LINE_BYTES)
        return text

    def _values(self, column: Column) -> list[Any]:
        """Return the value of each record, in the final form if that is known by now."""
        values = self._known.get(column.name)
        if values is None:
            values = self._known[column.name] = column.values(self._drafts)
        return values

    def _compared(self) -> bytes:
        """Return the text that is made of the objects; raises OddError if it does not say what the lines say."""
        text = encode_lines(self._drafts)
        is_final = len(text) == len(self._joined) + 1 and text.startswith(self._joined)
        if is_final and self._codec.has_no_raw:
            return text  # as many newlines as objects and lines, one at the end of each: none is within a line
        _check_objects(self._lines)
        if not is_final and not _says_as_much(text, self._joined):
            raise self._lost()
        if len(self._joined) >= MAX_LINE_BYTES:
            _check_each(self._lines, lambda line: len(line) < MAX_LINE_BYTES)
        return text

    def _lost(self) -> OddError:
        """Return the error for a name that comes twice in a line."""
        pairs = zip(self._drafts, self._lines, strict=True)
        return OddError(
            next(at for at, (draft, line) in enumerate(pairs) if not _says_as_much(encode_lines([draft]), line))
        )

    def _check_sids(self) -> None:
        for column, prefixes in self._codec.sids:
            is_account = column is self._codec.account  # there are few of them
            if not are_sids(list(self.accounts) if is_account else self._values(column), prefixes):
                _check_each([[value] for value in self._values(column)], partial(are_sids, prefixes=prefixes))

    def _check_amounts(self, column: Column) -> None:
        values = self._values(column)
        if not all(map(is_amount, {value for value in values if type(value) is str})):
            _check_each(values, lambda value: type(value) is not str or is_amount(value) is not None)

    def _respell_moments(self, column: Column) -> bool:
        values = given = self._values(column)
        try:
            if are_moments(given):
                return False
        except TypeError:  # not all of them are texts
            given = [value for value in values if type(value) is str]
            if are_moments(given):
                return False
        try:
            respelled = canonical_moments(given)
        except ValueError:
            return self._respell(column, self._given(column), _moment)
        rest = iter(respelled)
        self._known[column.name] = (
            respelled if given is values else [next(rest) if type(value) is str else value for value in values]
        )
        return True

    def _respell_integers(self, column: Column) -> bool:
        has_texts = str in set(map(type, self._values(column)))
        return has_texts and self._respell(column, self._given(column), _integer)

    def _given(self, column: Column) -> list[Any]:
        """Return the values of a column; None where there is none."""
        values = self._values(column)
        if msgspec.Raw not in set(map(type, values)):
            return values
        return [None if value is MISSING else value for value in values]

    def _raw(self, column: Column) -> list[bytes | None]:
        """Return the values of a column of JSON as bytes; None where there is none."""
        return [None if value is MISSING or value is msgspec.UNSET else bytes(value) for value in self._values(column)]

    def _respell(self, column: Column, values: Sequence[Any], respell: Callable[[Any], Any]) -> bool:
        """Replace values by what a function makes of them, unless that is None; return True if there are such."""
        respelled = {}
        for value in set(values):
            try:
                respelled[value] = respell(value)
            except (ValueError, InvalidRecord, RecursionError) as error:
                raise OddError(values.index(value)) from error
        if not any(one is not None for one in respelled.values()):
            return False
        old = self._values(column)
        new = map(respelled.__getitem__, values)
        self._known[column.name] = [a if b is None else b for a, b in zip(old, new, strict=True)]
        return True

    def _check_order_of_extras(self) -> None:
        """Check that undocumented fields come in the order of the codec: they keep the order that they have."""
        extras = self._codec.extras
        if len(extras) < 2:  # noqa: PLR2004 - one has no order
            return
        columns = [self._values(column) for column in extras]
        if sum(column.count(msgspec.UNSET) < len(column) for column in columns) < 2:  # noqa: PLR2004 - as above
            return
        self._check_inner_names()
        # A text and a colon are a name. Without names within values, its last place is the field's own.
        places = [list(map(bytes.rfind, self._lines, repeat(b'"%b":' % column.name.encode()))) for column in extras]
        if all(min(places_of_one) >= 0 for places_of_one in places):
            if not all(all(map(lt, one, other)) for one, other in pairwise(places)):
                raise OddError(0)
            return
        for at, found in enumerate(zip(*places, strict=True)):
            given = [place for place, column in zip(found, columns, strict=True) if column[at] is not msgspec.UNSET]
            if -1 in given or given != sorted(given):
                raise OddError(at)

    def _check_inner_names(self) -> None:
        """Check that no undocumented field has its name within the value of another field."""
        extras = self._codec.extras
        quoted = [b'"%b"' % column.name.encode() for column in extras]
        for values in map(self._raw, extras):
            for value in set(values) - {None}:
                if value and value.startswith((b"{", b"[")) and any(map(value.__contains__, quoted)):
                    raise OddError(values.index(value))
        names = {column.name for column in extras}
        for column in self._codec.dropped:
            for at, value in enumerate(self._values(column)):
                if isinstance(value, dict) and not names.isdisjoint(value):
                    raise OddError(at)


def _check_objects(lines: Sequence[bytes]) -> None:
    """Check that each line begins and ends with a brace, between white space, and has no newline within."""
    if not _are_objects(lines):
        _check_each(lines, lambda line: _are_objects([line.strip(_SPACE)]))


def _are_objects(lines: Sequence[bytes]) -> bool:
    return all(lines) and set(map(_ends, lines)) == _BRACES and b"\n" not in b"".join(lines)


def _lines_before(error: Exception, joined: bytes, count: int) -> int:
    """Return how many lines come before the one that cannot be decoded; fewer if the error does not tell."""
    if found := _LINE_OF_ERROR.search(str(error)):
        before = int(found[1])
    elif (found := _BYTE_OF_ERROR.search(str(error))) and joined.count(b"\n") == count - 1:
        before = joined.count(b"\n", 0, int(found[1]))
    else:
        before = count // _SHARE_BEFORE
    return min(before, count - 1)


def _check_each(values: Sequence[Any], is_fine: Callable[[Any], bool]) -> None:
    """Raise OddError for the first value that is not fine."""
    for at, value in enumerate(values):
        if not is_fine(value):
            raise OddError(at)


def _says_as_much(text: bytes, lines: bytes) -> bool:
    """Return True if the text that was made of lines has all their names and values.

    If not, a line has a name twice.
    """
    return _quotes(lines) == _quotes(text) - 2 * _count_marks(text)


def _count_marks(text: bytes) -> int:
    return text.count(MARK) if MARK in text else 0  # counting takes twenty times as long as not finding


def _quotes(text: bytes) -> int:
    """Return the number of quotes around names and values, except closing ones after a backslash.

    Such a value has its backslash in the text as well as in the line, where it may be spelled so that the quote counts.
    """
    count = text.count(b'"')
    if b"\\" not in text:
        return count
    # Backslashes are few: this takes a fraction of the time of counting the pair.
    _, *after_backslashes = text.split(b"\\")
    return count - sum(map(bytes.startswith, after_backslashes, repeat(b'"')))


def _integer(value: Any) -> int | None:
    return integer_of(value) if type(value) is str else None


def _moment(value: Any) -> str | None:
    return canonical_moment(value) if type(value) is str else None


def _amount(value: bytes | None) -> msgspec.Raw | None:
    """Return a number as text; None for what is final. Raises ValueError."""
    if value is None or value == b"null":
        return None
    if is_amount(value.decode("ascii").strip('"')) is None:
        raise ValueError("is no number")
    return None if value.startswith(b'"') else msgspec.Raw(b'"%b"' % value)


def _extra(value: bytes | None) -> msgspec.Raw | None:
    """Return a value of an undocumented field in its final form; None for what is final. Raises ValueError."""
    if value is None:
        return None
    if _PLAIN_VALUE.fullmatch(value):
        value.decode()
        return None
    if value.count(b"[") + value.count(b"{") > _MOST_BRACKETS:
        raise ValueError("may be nested too deeply")
    read = parse_object(b'{"":%b}' % value)[""]
    return msgspec.Raw(encode_lines([read])[:-1])
