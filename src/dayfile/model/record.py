"""Reading one raw line into one record: checked, dated and in its final bytes.

This is the only place that looks into a line. Its result is stored, sealed and exported unchanged; later stages cut
sids and times out by position (`ResourceType`) and never parse again.

There are three ways through. A line that is already canonical is recognised by a typed decoder, at the speed of C. A
line that has all documented fields, but in another order or spelled as in the REST API, is read by such a decoder as
well, and respelled. Every other line is read exactly, name by name. The first two ways never decide that a line is bad:
they either give the result of the third or leave the line to it.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from dayfile.errors import InvalidRecord
from dayfile.model.account import AccountSid
from dayfile.model.day import FIRST_DAY, Day
from dayfile.model.fields import is_amount, of_another_type
from dayfile.model.line_codec import codec_of, encode_lines
from dayfile.model.moment import find_day, is_canonical, moment_text
from dayfile.model.resource import ResourceType
from dayfile.model.strictjson import Value, lines_lost, parse_object, shown, too_deep

MAX_LINE_BYTES: Final = 1024 * 1024
"""The longest line in bytes, its newline included."""

NEWEST_AHEAD: Final = timedelta(hours=24)
"""The furthest that a record's creation may be in the future, for senders whose clocks are ahead."""

_SPACE = b" \t\r\n"
_LOOKED_AT_BYTES = 64 * 1024  # of a line that is too long, to say why


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record in its final form: its account, its UTC day, and its line with the newline."""

    account: AccountSid
    day: Day
    line: bytes


class RecordReader:
    """A reader of records of one resource type, as of one moment."""

    def __init__(self, resource_type: ResourceType, *, keep_dropped: bool = False, now: datetime) -> None:
        """Keep the fields of the REST form that an export drops, after all others, if `keep_dropped` is set."""
        self._resource_type = resource_type
        self._codec = codec_of(resource_type)
        self._dropped = resource_type.dropped
        self._keep_dropped = keep_dropped
        self._oldest = moment_text(FIRST_DAY.start)
        self._newest = moment_text(now + NEWEST_AHEAD)

    def parse(self, line: bytes | memoryview) -> Record:
        """Return the record in a line, in REST form or export form; raises InvalidRecord, which says what is wrong.

        A pure function of the line: the same content gives the same record, however it is written, and the line of a
        record gives that record again.
        """
        # White space counts, too: intake cuts longer lines, and the beginning of one may look like a record.
        _check_length(len(line), line)
        text = bytes(line).strip(_SPACE)
        _check_length(len(text) + 1, text)
        head = self._codec.match_head(text)
        record = self._recognise(text, head) if head else self._respell(text)
        return record or self._read(text)

    def _recognise(self, text: bytes, head: re.Match[bytes]) -> Record | None:
        """Return the record of a line in final form, its optional fields in any order; None if it may be another."""
        layout = self._codec
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
        return self._settled(draft, line, head)

    def _respell(self, text: bytes) -> Record | None:
        """Return the record of a line with all documented fields, in REST form or any order; None for other lines."""
        layout = self._codec
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
        return self._settled(draft, line, head) if head else None

    def _settled(self, draft: Any, line: bytes, head: re.Match[bytes]) -> Record | None:
        """Return the record of a final line if its amounts are numbers and its dates valid, else None."""
        for name in self._codec.amounts:
            amount = getattr(draft, name)
            if amount is not None and not is_amount(amount):
                return None
        if not self._oldest <= draft.date_created <= self._newest:
            return None
        day = find_day(head[1].decode())
        if day is None or find_day(head[2].decode()) is None:
            return None
        return Record(draft.account_sid, day, line)

    def _read(self, text: bytes) -> Record:
        """Return the record of any line; raises InvalidRecord, which says what is wrong with it."""
        layout = self._codec
        fields = layout.blank | parse_object(text)
        for name, read in layout.needed:
            try:
                fields[name] = read(name, fields[name])
            except InvalidRecord as invalid:
                raise of_another_type(invalid, fields, self._resource_type) from invalid
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
        """Return the day of a creation time; raises InvalidRecord if it is not a date or out of range."""
        day = find_day(created[:10])
        if day is None or not self._oldest <= created <= self._newest:
            rule = f"must be from {self._oldest} to {self._newest}, 24 hours from now; got {created}"
            raise InvalidRecord("date_created", rule)
        return day


def _has_same_length(line: bytes, text: bytes) -> bool:
    """Return True if a text is no longer than the line that was made of it: then the line has all of it."""
    # The encoder writes every value in its shortest form, without white space, and each name once: it can only shorten.
    return len(line) == len(text) + 1


def _says_as_much(line: bytes, text: bytes) -> bool:
    """Return True if a line that was written from what was read of a text has as many names and values as the text.

    If not, the text has a name twice, which the decoder does not see: it keeps the last.
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
    _check_length(len(line), line)
    return line


def _half_a_pair(fields: dict[str, Value]) -> InvalidRecord:
    """Return the error that names the field whose text has a lone surrogate, which UTF-8 cannot encode."""
    rule = "must not have half a surrogate pair (\\ud800 to \\udfff): send the whole character"
    name = next(name for name, value in fields.items() if not _is_unicode([name, value]))
    return InvalidRecord(None, f"{rule}; look at {shown(name)}")


def _is_unicode(values: list[Value]) -> bool:
    try:
        encode_lines(values)
    except UnicodeEncodeError:
        return False
    return True


def _check_length(size: int, line: bytes | memoryview) -> None:
    if size > MAX_LINE_BYTES:
        rule = f"must be at most {MAX_LINE_BYTES} bytes long, its newline included"
        raise InvalidRecord(None, rule + lines_lost(bytes(line[:_LOOKED_AT_BYTES])))
