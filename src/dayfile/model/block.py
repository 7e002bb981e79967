"""Blocks: lines that are read together, by one decoder, and come out as one text.

Nothing here decides that a line is bad. Whatever is out of the ordinary is an OddError, which leaves the lines to a
`RecordReader`: so this may give up for any reason, and is never wrong when it does not. Three things need care:

- *Which line an object is of.* Every line begins and ends with a brace, and no newline is in it. A brace, a newline and
  a brace are in no JSON object, so each boundary between lines is one between objects; and there are as many as lines.
  Of objects that are written as the very lines nothing else has to be asked, if no newline can be within them.
  A line is taken out together with its object only once all this is known.
- *A name that comes twice*, of which a decoder keeps the last. The text that is made of the objects has as many quotes
  around names and values as the lines, but for those of values that were respelled or left out, which are counted; no
  line can have fewer than its text, so none makes up for another.
- *Values that are copied as they are*: an amount must be a number, and an undocumented value that is not plain is read
  strictly.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import compress, repeat
from operator import itemgetter
from typing import Any, Final

import msgspec

from dayfile.errors import InvalidRecord
from dayfile.model.block_codec import MARK, MISSING, BlockCodec, Column
from dayfile.model.columns import are_moments, are_sids, canonical_moments, date_of, texts_of
from dayfile.model.extras import Given, check_order, final_value
from dayfile.model.fields import integer_of, is_amount
from dayfile.model.line_codec import encode_lines
from dayfile.model.moment import canonical_moment
from dayfile.model.odd import OddError, OddLines, check_each, odd_places
from dayfile.model.quotes import PAIR, quotes_of, quotes_of_field
from dayfile.model.record import MAX_LINE_BYTES
from dayfile.model.text_lines import TextLines, joined

_MOST_ODD = 8  # lines that are taken out of a block: each time, its columns are looked at again
_SHARE_BEFORE = 4  # of lines that cannot be decoded, one in so many is tried again if it is not known which is odd
_SPACE = b" \t\r\n"
_first: Final = itemgetter(0)
_last: Final = itemgetter(-1)
_LINE_OF_ERROR = re.compile(r" - at `\$\[([0-9]+)\]")
_BYTE_OF_ERROR = re.compile(r" \(byte ([0-9]+)\)$")


class Block:
    """Lines that are decoded together."""

    def __init__(self, lines: Sequence[bytes], codec: BlockCodec) -> None:
        """Decode lines; raises OddError."""
        self._codec = codec
        self._lines = lines
        self._joined = joined(lines)
        try:
            self._drafts = codec.decode(self._joined)
        except (ValueError, RecursionError) as error:
            is_of_types = isinstance(error, msgspec.ValidationError)
            raise OddError(_lines_before(error, self._joined, len(lines)), is_of_types=is_of_types) from error
        if len(self._drafts) != len(lines):
            _check_objects(lines)
            check_each(lines, lambda line: len(codec.decode(line)) == 1)
        self._places: Sequence[int] = range(len(lines))  # of the lines that are not taken out
        self._columns: dict[str, Sequence[Any]] = {}  # their values, by and by in the final form
        self._changed: list[Column] = []  # those of whose values some are not as they were given
        self._quotes_left = 0  # the quotes that the lines have more than their final form; less if it is below 0
        # Known once `canonical` has returned:
        self.odd: list[int] = []  # the numbers of lines that were taken out
        self.accounts: set[Any] = set()
        self.dates: set[str] = set()  # of creation

    def canonical(self, *, keep_dropped: bool, oldest: str, newest: str) -> bytes:
        """Bring all values into their final form, and return the lines, without a few odd ones; raises OddError.

        Lines that were created before `oldest` or after `newest` are odd.
        """
        while True:
            try:
                self._respell()
                self._check_created(oldest, newest)
            except OddLines as odd:
                self._take_out(odd)
            else:
                break
        text = self._text(keep_dropped=keep_dropped)
        if self._codec.has_no_raw and not self._changed and self._are_the_lines(text):
            return text  # as many newlines as objects and lines, one at the end of each: none is within a line
        final = text.replace(MARK, b"") if MARK in text else text
        _check_objects(self._lines)
        if quotes_of(self._joined) != quotes_of(final) - PAIR * (len(text) - len(final)) + self._quotes_left:
            raise self._lost()
        if len(self._joined) >= MAX_LINE_BYTES:
            check_each(self._lines, lambda line: len(line) < MAX_LINE_BYTES)
        if len(final) > MAX_LINE_BYTES:
            check_each(final.split(b"\n"), lambda line: len(line) < MAX_LINE_BYTES)
        return final

    def _are_the_lines(self, text: bytes) -> bool:
        return len(text) == len(self._joined) + 1 and text.startswith(self._joined)

    def _respell(self) -> None:
        """Check all values, and bring them into their final form; raises OddError."""
        self._columns = self._codec.whole.columns_of(self._drafts)
        self._changed, self._quotes_left = [], 0
        self._check_sids()
        for column in self._codec.moments:
            self._respell_moments(column)
        for column in self._codec.integers:
            self._respell_integers(column)
        for column in self._codec.amounts:
            if self._codec.is_strict:
                self._check_amounts(column)
            else:
                self._respell_raw(column, _amount)
        extras = [(column, self._respell_raw(column, final_value)) for column in self._codec.extras]
        if extras:
            check_order(extras, list(map(self._values, self._codec.dropped)), self._lines)

    def _take_out(self, odd: OddLines) -> None:
        """Go on without lines that are odd, unless they are many."""
        if len(self.odd) + len(odd.places) > _MOST_ODD:
            raise OddError(min([*self.odd, self._places[odd.before]])) from odd
        _check_objects(self._lines)  # of all, or an object might be taken out with another one's line
        self.odd = sorted([*self.odd, *(self._places[place] for place in odd.places)])
        is_kept = [True] * len(self._lines)
        for place in odd.places:
            is_kept[place] = False
        self._drafts, self._lines, self._places = (
            list(compress(given, is_kept)) for given in (self._drafts, self._lines, self._places)
        )
        self._joined = b"\n".join(self._lines)

    def _text(self, *, keep_dropped: bool) -> bytes:
        """Return the lines that are made of all values."""
        left = [] if keep_dropped else [quotes_of_field(self._values(column)) for column in self._codec.dropped]
        if any(left):
            self._quotes_left += sum(left)
            form = self._codec.without_dropped
            return encode_lines(list(map(form.make, *map(self._values, form.columns))))
        for column in self._changed:
            deque(map(setattr, self._drafts, repeat(column.attribute), self._values(column)), maxlen=0)
        return encode_lines(self._drafts)

    def _values(self, column: Column) -> Sequence[Any]:
        return self._columns[column.name]

    def _change(self, column: Column, values: Sequence[Any]) -> None:
        self._columns[column.name] = values
        self._changed.append(column)

    def _lost(self) -> OddError:
        """Return the error for a name that comes twice in a line."""
        for at, line in enumerate(self._lines):
            text = encode_lines(self._codec.decode(line))
            if quotes_of(line) != quotes_of(text) - PAIR * text.count(MARK):
                return OddError(min([*self.odd, self._places[at]]))
        return OddError(0)

    def _check_sids(self) -> None:
        self.accounts = set(self._values(self._codec.account))
        for column, prefixes in self._codec.sids:
            is_account = column is self._codec.account  # there are few of them
            if not are_sids(list(self.accounts) if is_account else self._values(column), prefixes):
                raise OddLines(odd_places(self._values(column), partial(are_sids, prefixes=prefixes), most=_MOST_ODD))

    def _check_created(self, oldest: str, newest: str) -> None:
        created = self._values(self._codec.created)
        first, last = min(created), max(created)
        if not (oldest <= first and last <= newest):
            raise OddLines([at for at, one in enumerate(created) if not oldest <= one <= newest])
        self.dates = {date_of(first)} if date_of(first) == date_of(last) else set(map(date_of, created))

    def _check_amounts(self, column: Column) -> None:
        values = self._values(column)
        odd = {value for value in set(self._texts(column)) if value is not None and not is_amount(value)}
        if odd:
            raise OddLines([at for at, value in enumerate(values) if type(value) is str and value in odd])

    def _respell_moments(self, column: Column) -> None:
        values = given = self._values(column)
        try:
            if are_moments(given):
                return
        except TypeError:  # not all of them are texts
            given = [value for value in values if type(value) is str]
            if are_moments(given):
                return
        try:
            respelled = canonical_moments(given)
        except ValueError:
            self._respell_each(column, self._texts(column), canonical_moment)
            return
        rest = iter(respelled)
        is_all = given is values
        self._change(column, respelled if is_all else [next(rest) if type(value) is str else value for value in values])

    def _respell_integers(self, column: Column) -> None:
        values = self._values(column)
        types = set(map(type, values))
        if str in types:
            given = values if types == {str} else self._texts(column)
            self._respell_each(column, given, integer_of)
            self._quotes_left += PAIR * (len(given) - given.count(None))

    def _respell_raw(self, column: Column, respell: Callable[[bytes], msgspec.Raw | None]) -> Given:
        """Bring JSON into its final form, and return it as it was given."""
        given = texts_of(self._values(column))
        final = self._respell_each(column, given, respell)
        left = {value: quotes_of(value) - quotes_of(bytes(new)) for value, new in final.items() if new is not None}
        if left:
            self._quotes_left += sum(map(left.get, given, repeat(0)))
        return given

    def _texts(self, column: Column) -> list[str | None]:
        """Return the texts among the values of a column; None in place of all others."""
        return [value if type(value) is str else None for value in self._values(column)]

    def _respell_each(self, column: Column, given: Sequence[Any], respell: Callable[[Any], Any]) -> dict[Any, Any]:
        """Replace values by what a function makes of them, unless that is None, and return it; None is no value."""
        final, odd = {}, set()
        distinct = set(given)
        distinct.discard(None)
        for value in distinct:
            try:
                final[value] = respell(value)
            except (ValueError, InvalidRecord, RecursionError):
                odd.add(value)
        if odd:
            raise OddLines([at for at, value in enumerate(given) if value in odd])
        if any(value is not None for value in final.values()):
            new = list(map(final.get, given))
            if None in new:
                new = [a if b is None else b for a, b in zip(self._values(column), new, strict=True)]
            self._change(column, new)
        return final


def _check_objects(lines: Sequence[bytes]) -> None:
    """Check that each line begins and ends with a brace, between white space, and has no newline within."""
    if not _are_objects(lines):
        check_each(lines, lambda line: _are_objects([line.strip(_SPACE)]))


def _are_objects(lines: Sequence[bytes]) -> bool:
    if not all(lines) or bytes(map(_first, lines)).strip(b"{") or bytes(map(_last, lines)).strip(b"}"):
        return False
    return isinstance(lines, TextLines) or b"\n" not in b"".join(lines)


def _lines_before(error: Exception, joined: bytes, count: int) -> int:
    """Return how many lines come before the one that cannot be decoded; fewer if the error does not tell."""
    if found := _LINE_OF_ERROR.search(str(error)):
        before = int(found[1])
    elif (found := _BYTE_OF_ERROR.search(str(error))) and joined.count(b"\n") == count - 1:
        before = joined.count(b"\n", 0, int(found[1]))
    else:
        before = count // _SHARE_BEFORE
    return min(before, count - 1)


def _amount(value: bytes) -> msgspec.Raw | None:
    """Return a number as text; None for what is final. Raises ValueError."""
    if value in {b"null", bytes(MISSING)}:
        return None
    if is_amount(value.decode("ascii").strip('"')) is None:
        raise ValueError("is no number")
    return None if value.startswith(b'"') else msgspec.Raw(b'"%b"' % value)
