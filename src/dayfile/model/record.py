"""One raw line to one record: checked, dated and in the bytes that it keeps for ever.

This is the only place that looks into a line. What it returns is stored, sealed and exported as it is; later stages cut
sids and times out by position (`ResourceType`) and never parse again.

There are two ways through. A line that is canonical already, or differs from it in nothing but the order of its fields,
is recognised by a typed decoder at the speed of C. Every other line is read exactly, name by name. The first way never
decides that a line is bad and never converts: it either knows the answer of the second or leaves the line to it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

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
        return self._recognise(text) or self._read(text)

    def _recognise(self, text: bytes) -> Record | None:
        """The record of a line with exactly the documented fields in canonical values, if that can be told at once."""
        layout = self._layout
        try:
            draft = layout.decode(text)
        except (ValueError, RecursionError):
            return None
        line = encode_lines((draft,))
        # The encoder writes every value in its shortest form, without white space, and each name once: it can only
        # shorten. Where it did not, no name stood twice, which the decoder does not see: it keeps the last.
        if len(line) != len(text) + 1:
            return None
        head = layout.match_head(line)
        if head is None or not self._oldest <= draft.date_created <= self._newest:
            return None
        day = find_day(head[1].decode())
        if day is None or find_day(head[2].decode()) is None:
            return None
        for name in layout.moments:
            moment = getattr(draft, name)
            if moment is not None and not is_canonical(moment):
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


def _line(fields: dict[str, Value]) -> bytes:
    try:
        line = encode_lines((fields,))
    except UnicodeEncodeError as error:
        raise _half_a_pair(fields) from error
    except RecursionError as error:
        raise too_deep() from error
    _check_length(len(line))
    return line


def _half_a_pair(fields: dict[str, Value]) -> InvalidRecord:
    """Name the field whose text has a surrogate without its other half: no UTF-8 can hold it."""
    rule = "must not have half a surrogate pair (\\ud800 to \\udfff): send the whole character"
    name = next(name for name, value in fields.items() if not _is_unicode(name, value))
    return InvalidRecord(None, f"{rule}; look at {shown(name)}")


def _is_unicode(*values: Value) -> bool:
    try:
        encode_lines(values)
    except UnicodeEncodeError:
        return False
    return True


def _check_length(size: int) -> None:
    if size > MAX_LINE_BYTES:
        raise InvalidRecord(None, f"must be at most {MAX_LINE_BYTES} bytes long, its newline included")
