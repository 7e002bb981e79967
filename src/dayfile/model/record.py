"""Reading one raw line into one record: checked, dated and in its final bytes.

This says what a line means. Its result is stored, sealed and exported unchanged; later stages cut sids and times out by
position (`ResourceType`) and never parse again. Every line is read exactly, name by name; `block_reader.py` reads many
at once with the same outcome, and leaves to this what is out of the ordinary.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from dayfile.errors import InvalidRecord
from dayfile.model.account import AccountSid
from dayfile.model.day import FIRST_DAY, Day
from dayfile.model.fields import of_another_type
from dayfile.model.line_codec import codec_of, encode_lines
from dayfile.model.moment import find_day, moment_text
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
        fields = self._codec.blank | parse_object(text)
        for name, read in self._codec.needed:
            try:
                fields[name] = read(name, fields[name])
            except InvalidRecord as invalid:
                told = of_another_type(invalid, fields, self._resource_type)
                if told is invalid:
                    raise  # an error that is its own cause is a cycle, which takes long to be found
                raise told from invalid
        for name, final, read in self._codec.optional:
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
