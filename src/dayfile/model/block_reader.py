"""Reading of many lines at once: the same records and refusals as `RecordReader` makes, at a fraction of its cost.

The lines go through one decoder together, and come out as one text; sids, dates and amounts are checked as columns.
Nothing here decides that a line is bad. A line with anything out of the ordinary is left to a `RecordReader`, with a
few that follow it, and those before it are tried again: so this may give up for any reason, and is never wrong when
it does not. Three things need care:

- *Which line an object is of.* Every line begins and ends with a brace, and no newline is in it. A brace, a newline and
  a brace are in no JSON object, so each boundary between lines is one between objects; and there are as many as lines.
- *A name that comes twice*, of which a decoder keeps the last. The text that is made of the objects has as many quotes
  around names and values as the lines; no line can have fewer than its text, so none makes up for another.
- *Values that are copied as they are*: an amount must be a number, and an undocumented value that is not plain is read
  strictly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import pairwise, repeat
from operator import contains, lt
from typing import Any, Final

import msgspec

from dayfile.errors import InvalidRecord
from dayfile.model.account import AccountSid
from dayfile.model.block_codec import MARK, MISSING, BlockCodec, Column, block_codec
from dayfile.model.columns import are_moments, are_sids, canonical_moments, date_of
from dayfile.model.day import FIRST_DAY, Day
from dayfile.model.fields import integer_of, is_amount
from dayfile.model.line_codec import encode_lines
from dayfile.model.moment import canonical_moment, moment_text
from dayfile.model.record import MAX_LINE_BYTES, NEWEST_AHEAD, RecordReader
from dayfile.model.resource import ResourceType
from dayfile.model.strictjson import parse_object

FEW_LINES: Final = 8
"""The number of lines that are read one by one: so few are not worth more."""

MOST_LINES: Final = 256
"""The most lines that are read together: their objects fit into a processor's cache."""

MOST_REFUSED: Final = 500
"""The number of refused lines, approximately, after which a part is handed on."""

_GROWTH = 4  # of the number of lines that are tried together, after success
_MOST_EXTRAS = 8  # undocumented fields that are known at once
_MOST_BRACKETS = 100  # in one of them: whether more are nested too deeply depends on what is around them
_SPACE = b" \t\r\n"
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.$-]{1,64}")
# JSON that is its own canonical text: without spaces and escapes.
_PLAIN_VALUE = re.compile(rb'"[^"\\\x00-\x1f]*"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null')
_LINE_OF_ERROR = re.compile(r" - at `\$\[([0-9]+)\]")
_BYTE_OF_ERROR = re.compile(r" \(byte ([0-9]+)\)$")


class Part:
    """Some of the lines that were read, one after the other: records in their order, and refusals."""

    def __init__(self, start: int) -> None:
        """Begin with the line of this number, from 0."""
        self.start = start
        self.stop = start  # the number after the last line
        self.texts: list[bytes] = []  # canonical lines, one or more in each
        self.accounts: list[AccountSid] = []  # of each record
        self.days: list[Day] = []  # of each record
        self.all_days: set[Day] = set()
        self.refused: list[tuple[int, InvalidRecord]] = []  # with the line's number

    def records(self) -> Iterator[tuple[int, bytes, AccountSid, Day]]:
        """Yield each record: the line's number, the canonical line, its account and its day."""
        refused = {at for at, _ in self.refused}
        accepted = (at for at in range(self.start, self.stop) if at not in refused)
        lines = (line for text in self.texts for line in text.splitlines(keepends=True))
        yield from zip(accepted, lines, self.accounts, self.days, strict=True)


class BlockReader:
    """A reader of lines of one resource type, as of one moment."""

    def __init__(self, resource_type: ResourceType, *, keep_dropped: bool = False, now: datetime) -> None:
        """Keep the fields of the REST form that an export drops, after all others, if `keep_dropped` is set."""
        self._resource_type = resource_type
        self._keep_dropped = keep_dropped
        self._one = RecordReader(resource_type, keep_dropped=keep_dropped, now=now)
        self._extras: tuple[str, ...] = ()  # undocumented fields that the codec knows
        self._codec = block_codec(resource_type)
        self._learns = False  # undocumented fields, of lines that are read one by one
        self._oldest = moment_text(FIRST_DAY.start)
        self._newest = moment_text(now + NEWEST_AHEAD)

    def read(self, lines: Sequence[bytes]) -> Iterator[Part]:
        """Yield all lines in parts, each record and refusal as `RecordReader.parse` gives it."""
        part = Part(0)
        tried = MOST_LINES
        while part.stop < len(lines):
            tried = self._step(lines[part.stop : part.stop + max(FEW_LINES, min(tried, MOST_LINES))], part)
            if len(part.refused) >= MOST_REFUSED:
                yield part
                part = Part(part.stop)
        yield part

    def _step(self, lines: Sequence[bytes], part: Part) -> int:
        """Add the lines to a part, or none if one is out of the ordinary; return how many to try next."""
        if len(lines) <= FEW_LINES:
            for line in lines:
                self._add_one(line, part)
            if len(part.refused) >= len(lines) and part.refused[-len(lines)][0] == part.stop - len(lines):
                return FEW_LINES  # all of them are bad, so the next ones may be
        else:
            try:
                self._add_many(lines, part)
            except _OddError as odd:
                self._learns = True
                return odd.before
            self._learns = False
        return len(lines) * _GROWTH

    def _add_one(self, line: bytes, part: Part) -> None:
        try:
            record = self._one.parse(line)
        except InvalidRecord as invalid:
            # Its traceback would keep everything that its reader knew of the line.
            invalid.__traceback__ = invalid.__cause__ = invalid.__context__ = None
            part.refused.append((part.stop, invalid))
        else:
            part.texts.append(record.line)
            part.accounts.append(record.account)
            part.days.append(record.day)
            part.all_days.add(record.day)
            if self._learns:
                self._learn(record.line)
        part.stop += 1

    def _learn(self, line: bytes) -> None:
        """Know the undocumented fields of a canonical line from now on, in their order."""
        names = [name for name in msgspec.json.decode(line, type=dict[str, msgspec.Raw]) if self._is_extra(name)]
        extras = (*names, *(name for name in self._extras if name not in names))
        if len(extras) <= _MOST_EXTRAS and extras != self._extras:
            self._extras = extras
            self._codec = block_codec(self._resource_type, extras)

    def _is_extra(self, name: str) -> bool:
        is_documented = name in self._codec.names and name not in self._extras
        return not is_documented and _PLAIN_NAME.fullmatch(name) is not None

    def _add_many(self, lines: Sequence[bytes], part: Part) -> None:
        """Add all lines to a part, or raise _OddError."""
        block = _Block(lines, self._codec)
        text = block.canonical(keep_dropped=self._keep_dropped)
        created = self._codec.created.values(block.drafts)
        if not (self._oldest <= min(created) and max(created) <= self._newest):
            _check_each(created, lambda one: self._oldest <= one <= self._newest)
        part.texts.append(text)
        part.accounts += self._codec.account.values(block.drafts)
        dates = list(map(date_of, created))
        days = {date: Day.parse(date) for date in set(dates)}
        part.days += [days[date] for date in dates]
        part.all_days.update(days.values())
        part.stop += len(lines)


class _OddError(Exception):
    """Something about some lines is out of the ordinary; the number of those before it, or fewer, that may not be."""

    def __init__(self, before: int) -> None:
        super().__init__(before)
        self.before = before


class _Block:
    """Lines that are decoded together."""

    def __init__(self, lines: Sequence[bytes], codec: BlockCodec) -> None:
        """Decode lines; raises _OddError."""
        self._codec = codec
        self._lines = lines
        self._joined = _joined(lines)
        try:
            self.drafts = codec.decode(self._joined)
        except (ValueError, RecursionError) as error:
            raise _OddError(_lines_before(error, self._joined, len(lines))) from error
        if len(self.drafts) != len(lines):
            _check_each(lines, lambda line: len(codec.decode(line)) == 1)

    def canonical(self, *, keep_dropped: bool) -> bytes:
        """Bring all values into their final form, and return the lines; raises _OddError."""
        text = encode_lines(self.drafts)
        if not _says_as_much(text, self._joined):
            raise self._lost()
        self._check_sids()
        is_changed = [self._respell_moments(column) for column in self._codec.moments]
        is_changed += [self._respell_integers(column) for column in self._codec.integers]
        is_changed += [self._respell(column, self._raw(column), _amount) for column in self._codec.amounts]
        is_changed += [self._respell(column, self._raw(column), _extra) for column in self._codec.extras]
        self._check_order_of_extras()
        if not keep_dropped:
            is_changed += [self._drop(column) for column in self._codec.dropped]
        if any(is_changed):
            text = encode_lines(self.drafts)
        text = text.replace(MARK, b"")
        if len(text) > MAX_LINE_BYTES:
            _check_each(text.split(b"\n"), lambda line: len(line) < MAX_LINE_BYTES)
        return text

    def _lost(self) -> _OddError:
        """Return the error for a name that comes twice in a line."""
        pairs = zip(self.drafts, self._lines, strict=True)
        return _OddError(
            next(at for at, (draft, line) in enumerate(pairs) if not _says_as_much(encode_lines([draft]), line))
        )

    def _check_sids(self) -> None:
        for column, prefixes in self._codec.sids:
            values = column.values(self.drafts)
            if not are_sids(values, prefixes):
                _check_each([[value] for value in values], partial(are_sids, prefixes=prefixes))

    def _respell_moments(self, column: Column) -> bool:
        values = column.values(self.drafts)
        given = values if set(map(type, values)) == {str} else [value for value in values if type(value) is str]
        if are_moments(given):
            return False
        try:
            respelled = iter(canonical_moments(given))
        except ValueError:
            return self._respell(column, self._given(column), _moment)
        column.replace(self.drafts, [next(respelled) if type(value) is str else value for value in values])
        return True

    def _respell_integers(self, column: Column) -> bool:
        has_texts = str in set(map(type, column.values(self.drafts)))
        return has_texts and self._respell(column, self._given(column), _integer)

    def _given(self, column: Column) -> list[Any]:
        """Return the values of a column; None where there is none."""
        return [None if value is MISSING else value for value in column.values(self.drafts)]

    def _raw(self, column: Column) -> list[bytes | None]:
        """Return the values of a column of JSON as bytes; None where there is none."""
        return [
            None if value is MISSING or value is msgspec.UNSET else bytes(value) for value in column.values(self.drafts)
        ]

    def _respell(self, column: Column, values: Sequence[Any], respell: Callable[[Any], Any]) -> bool:
        """Replace values by what a function makes of them, unless that is None; return True if there are such."""
        respelled = {}
        for value in set(values):
            try:
                respelled[value] = respell(value)
            except (ValueError, InvalidRecord, RecursionError) as error:
                raise _OddError(values.index(value)) from error
        if not any(one is not None for one in respelled.values()):
            return False
        old = column.values(self.drafts)
        new = [respelled[value] for value in values]
        column.replace(self.drafts, [a if b is None else b for a, b in zip(old, new, strict=True)])
        return True

    def _drop(self, column: Column) -> bool:
        values = column.values(self.drafts)
        if values.count(msgspec.UNSET) == len(values):
            return False
        column.replace(self.drafts, [msgspec.UNSET] * len(values))
        return True

    def _check_order_of_extras(self) -> None:
        """Check that undocumented fields come in the order of the codec: they keep the order that they have."""
        extras = self._codec.extras
        if len(extras) < 2:  # noqa: PLR2004 - one has no order
            return
        columns = [column.values(self.drafts) for column in extras]
        if sum(column.count(msgspec.UNSET) < len(column) for column in columns) < 2:  # noqa: PLR2004 - as above
            return
        self._check_inner_names()
        # A text and a colon are a name. Without names within values, its last place is the field's own.
        places = [list(map(bytes.rfind, self._lines, repeat(b'"%b":' % column.name.encode()))) for column in extras]
        if all(min(places_of_one) >= 0 for places_of_one in places):
            if not all(all(map(lt, one, other)) for one, other in pairwise(places)):
                raise _OddError(0)
            return
        for at, found in enumerate(zip(*places, strict=True)):
            given = [place for place, column in zip(found, columns, strict=True) if column[at] is not msgspec.UNSET]
            if -1 in given or given != sorted(given):
                raise _OddError(at)

    def _check_inner_names(self) -> None:
        """Check that no undocumented field has its name within the value of another field."""
        extras = self._codec.extras
        quoted = [b'"%b"' % column.name.encode() for column in extras]
        for values in map(self._raw, extras):
            for value in set(values) - {None}:
                if value and value.startswith((b"{", b"[")) and any(map(value.__contains__, quoted)):
                    raise _OddError(values.index(value))
        names = {column.name for column in extras}
        for column in self._codec.dropped:
            for at, value in enumerate(column.values(self.drafts)):
                if isinstance(value, dict) and not names.isdisjoint(value):
                    raise _OddError(at)


def _joined(lines: Sequence[bytes]) -> bytes:
    """Return lines as one text in which each is an object; raises _OddError."""
    if max(map(len, lines)) >= MAX_LINE_BYTES:
        _check_each(lines, lambda line: len(line) < MAX_LINE_BYTES)
    if not _are_objects(lines):
        lines = [line.strip(_SPACE) for line in lines]
        _check_each(lines, lambda line: _are_objects([line]))
    return b"\n".join(lines)


def _are_objects(lines: Sequence[bytes]) -> bool:
    """Return True if each line begins and ends with a brace, and has no newline in it."""
    return (
        all(map(bytes.startswith, lines, repeat(b"{")))
        and all(map(bytes.endswith, lines, repeat(b"}")))
        and not any(map(contains, lines, repeat(b"\n")))
    )


def _lines_before(error: Exception, joined: bytes, count: int) -> int:
    """Return how many lines come before the one that cannot be decoded; fewer if the error does not tell."""
    if found := _LINE_OF_ERROR.search(str(error)):
        before = int(found[1])
    elif (found := _BYTE_OF_ERROR.search(str(error))) and joined.count(b"\n") == count - 1:
        before = joined.count(b"\n", 0, int(found[1]))
    else:
        before = count // _GROWTH
    return min(before, count - 1)


def _check_each(values: Sequence[Any], is_fine: Callable[[Any], bool]) -> None:
    """Raise _OddError for the first value that is not fine."""
    for at, value in enumerate(values):
        if not is_fine(value):
            raise _OddError(at)


def _says_as_much(text: bytes, lines: bytes) -> bool:
    """Return True if the text that was made of lines has all their names and values.

    If not, a line has a name twice.
    """
    # Final lines are the text itself: no name can be lost.
    return text[:-1] == lines or _quotes(lines) == _quotes(text) - 2 * _count_marks(text)


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
