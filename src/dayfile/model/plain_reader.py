"""Reading of many lines by compiled code: the records and refusals of `RecordReader`, at a fraction of its cost.

The code (`src/plain_lines`) is compiled when Dayfile is installed, if that can be. It looks at each line by itself, and
declines it for anything out of the ordinary; it is then read by a `RecordReader`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from dayfile.model.day import FIRST_DAY, Day
from dayfile.model.moment import moment_text
from dayfile.model.part import MOST_REFUSED, Part
from dayfile.model.record import MAX_LINE_BYTES, NEWEST_AHEAD, RecordReader
from dayfile.model.resource import Kind, ResourceType
from dayfile.model.text_lines import TextLines

try:
    from dayfile.model import plain_lines
except ImportError:  # it was not compiled, or for another machine
    plain_lines = None  # type: ignore[assignment]

IS_COMPILED: Final = plain_lines is not None
"""True if lines can be read by compiled code."""

_MOST_LINES = 1024  # that are read together: for few, the interpreter's lock would change hands too often
_SID, _NEEDED_MOMENT, _ANY = 0, 1, 7  # as in value.h
_KINDS: Final = {Kind.MOMENT: 2, Kind.TEXT: 3, Kind.INTEGER: 4, Kind.AMOUNT: 5, Kind.BOOLEAN: 6}


class PlainReader:
    """A reader of lines of one resource type, as of one moment. Only if `IS_COMPILED`."""

    def __init__(self, resource_type: ResourceType, *, keep_dropped: bool = False, now: datetime) -> None:
        """Keep the fields of the REST form that an export drops, after all others, if `keep_dropped` is set."""
        self._resource_type = resource_type
        self._one = RecordReader(resource_type, keep_dropped=keep_dropped, now=now)
        sids = [(key.name, _SID, "".join(key.prefixes)) for key in resource_type.key_fields]
        sids.append(("account_sid", _SID, "AC"))
        documented = [(name, _NEEDED_MOMENT, "") for name in ("date_created", "date_updated")]
        documented += [(field.name, _KINDS[field.kind], "") for field in resource_type.fields]
        dropped = [(name, _ANY, "") for name in resource_type.dropped]
        self._table = plain_lines.table(
            tuple((name.encode(), kind, prefixes.encode()) for name, kind, prefixes in sids + documented + dropped),
            len(sids),
            len(sids) + len(documented),
            keep_dropped,
            moment_text(FIRST_DAY.start).encode(),
            moment_text(now + NEWEST_AHEAD).encode(),
        )

    def read(self, lines: Sequence[bytes]) -> Iterator[Part]:
        """Yield all lines in parts, each record and refusal as `RecordReader.parse` gives it."""
        part = Part(self._resource_type, 0)
        while part.stop < len(lines):
            self._add(lines[part.stop : part.stop + _MOST_LINES], part)
            if len(part.refused) >= MOST_REFUSED:
                yield part
                part = Part(self._resource_type, part.stop)
        yield part

    def _add(self, lines: Sequence[bytes], part: Part) -> None:
        given = lines.joined if isinstance(lines, TextLines) else lines
        text, declined, accounts, dates = plain_lines.read(self._table, given, MAX_LINE_BYTES)
        start = part.stop
        part.accounts |= accounts
        part.days.update(map(Day.parse, dates))
        places, ends = declined[::2], declined[1::2]  # of the lines among all, and in the text
        for place, (begin, end) in zip(places, pairwise([0, *ends]), strict=True):
            if begin < end:
                part.texts.append(text[begin:end])
            part.stop = start + place
            part.add(lines[place], self._one)
        rest = text[ends[-1] :] if ends else text
        if rest:
            part.texts.append(rest)
        part.stop = start + len(lines)
