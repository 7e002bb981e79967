"""One raw line to one record: checked, dated and in the bytes that it keeps for ever.

This is the only place that looks into a line. What it returns is stored, sealed and exported as it is; later stages cut
sids and times out by position (`ResourceType`) and never parse again.

There are three ways through. A line that is canonical already is recognised by a typed decoder, at the speed of C. One
that has all documented fields, but in another order or spelled as the REST API does, is read by such a decoder as well,
and respelled. Every other line is read exactly, name by name. The first two ways never decide that a line is bad: they
either know the answer of the third or leave the line to it.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from dayfile.errors import InvalidRecord
from dayfile.model.account import AccountSid
from dayfile.model.day import FIRST_DAY, Day
from dayfile.model.layout import encode_lines, layout_of
from dayfile.model.moment import find_day, is_canonical, moment_text
from dayfile.model.resource import ResourceType
from dayfile.model.strictjson import Value, parse_object, shown, too_deep

MAX_LINE_BYTES: Final = 1024 * 1024
"""No line is longer, its newline included."""

NEWEST_AHEAD: Final = timedelta(hours=24)
"""How far in the future a record may have been created, for senders whose clocks are ahead."""

_SPACE = b" \t\r\n"


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record in its final form: whose it is, the UTC day it belongs to, and its line with the newline."""

    account: AccountSid
    day: Day
    line: bytes


class RecordReader:
    """Reads the records of one resource type, as of one moment."""

    def __init__(self, resource_type: ResourceType, *, keep_dropped: bool = False, now: datetime) -> None:
        """With `keep_dropped`, the fields of the REST form that an export does not have stay, after all others."""
        self._layout = layout_of(resource_type)
        self._dropped = resource_type.dropped
        self._keep_dropped = keep_dropped
        self._oldest = moment_text(FIRST_DAY.start)
        self._newest = moment_text(now + NEWEST_AHEAD)

    def parse(self, line: bytes | memoryview) -> Record:
        """The record that a line is, in REST form or export form; raises InvalidRecord that says what is wrong with it.

        A pure function of the line: however the same content is written, it gives the same record, and the line of a
        record gives that record again.
        """
        # White space counts as it comes, too: intake cuts what is longer, and its beginning may look like a record.
        _check_length(len(line))
        text = bytes(line).strip(_SPACE)
        _check_length(len(text) + 1)
        head = self._layout.match_head(text)
        record = self._recognise(text, head) if head else self._respell(text)
        return record or self._read(text)

    def _recognise(self, text: bytes, head: re.Match[bytes]) -> Record | None:
        """The record of a line in final form, its optional fields in any order, if that can be told at once."""
        layout = self._layout
        try:
            draft = layout.decode(text)
        except (ValueError, RecursionError):
            return None
        line = encode_lines([draft])
        if not _has_same_length(line, text):
            return None
        for name in layout.moments:
            moment = getattr(draft, name)
            if moment is not None and not is_canonical(moment):
                return None
        return self._dated(draft, line, head)

    def _respell(self, text: bytes) -> Record | None:
        """The record of a line that has all documented fields, in REST form or in any order, if that is all to it."""
        layout = self._layout
        try:
            draft = layout.decode_spelled(text)
            if not _says_as_much(encode_lines([draft]), text):
                return None
            for name, respell in layout.spelled:
                value = getattr(draft, name)
                if type(value) is str:
                    setattr(draft, name, respell(value))
        except (ValueError, RecursionError):
            return None
        if not self._keep_dropped:
            for name in self._dropped:
                setattr(draft, name, msgspec.UNSET)
        line = encode_lines([draft])
        head = layout.match_head(line)
        return self._dated(draft, line, head) if head else None

    def _dated(self, draft: Any, line: bytes, head: re.Match[bytes]) -> Record | None:
        """The record of a line that is final if its dates are good ones."""
        if not self._oldest <= draft.date_created <= self._newest:
            return None
        day = find_day(head[1].decode())
        if day is None or find_day(head[2].decode()) is None:
            return None
        return Record(draft.account_sid, day, line)

    def _read(self, text: bytes) -> Record:
        """The record of any line, or what is wrong with it."""
        layout = self._layout
        fields = layout.blank | parse_object(text)
        for name, read in layout.needed:
            fields[name] = read(name, fields[name])
        for name, final, read in layout.optional:
            value = fields[name]
            if value is not None and type(value) is not final:
                fields[name] = read(name, value)
        for name in self._dropped:
            if name in fields:
                value = fields.pop(name)
                if self._keep_dropped:
                    fields[name] = value
        day = self._day(str(fields["date_created"]))
        return Record(AccountSid(str(fields["account_sid"])), day, _line(fields))

    def _day(self, created: str) -> Day:
        """The day of a record created then."""
        day = find_day(created[:10])
        if day is None or not self._oldest <= created <= self._newest:
            rule = f"must be from {self._oldest} to {self._newest}, 24 hours from now; got {created}"
            raise InvalidRecord("date_created", rule)
        return day


def _has_same_length(line: bytes, text: bytes) -> bool:
    """Whether a text was as short as the line that was written from what was read of it: then it said no more."""
    # The encoder writes every value in its shortest form, without white space, and each name once: it can only shorten.
    return len(line) == len(text) + 1


def _says_as_much(line: bytes, text: bytes) -> bool:
    """Whether a line that was written from what was read of a text has as many names and values as the text.

    If not, a name stood twice in the text, which the decoder does not see: it keeps the last.
    """
    if _has_same_length(line, text):
        return True
    # Count the quotes around them. One within a value is escaped in the line, and escaped or spelled as \u0022 in the
    # text. A closing one after a backslash is taken for such; if it is in the text, it is in the line, unless it stands
    # around what is lost: then the opening one tells.
    quotes = text.count(b'"') - line.count(b'"')
    if b"\\" in line:
        quotes -= text.count(b'\\"') - line.count(b'\\"')
    return quotes == 0


def _line(fields: dict[str, Value]) -> bytes:
    try:
        line = encode_lines([fields])
    except UnicodeEncodeError as error:
        raise _half_a_pair(fields) from error
    except RecursionError as error:
        raise too_deep() from error
    _check_length(len(line))
    return line


def _half_a_pair(fields: dict[str, Value]) -> InvalidRecord:
    """Name the field whose text has a surrogate without its other half: no UTF-8 can hold it."""
    rule = "must not have half a surrogate pair (\\ud800 to \\udfff): send the whole character"
    name = next(name for name, value in fields.items() if not _is_unicode([name, value]))
    return InvalidRecord(None, f"{rule}; look at {shown(name)}")


def _is_unicode(values: list[Value]) -> bool:
    try:
        encode_lines(values)
    except UnicodeEncodeError:
        return False
    return True


def _check_length(size: int) -> None:
    if size > MAX_LINE_BYTES:
        raise InvalidRecord(None, f"must be at most {MAX_LINE_BYTES} bytes long, its newline included")
