"""Reading of a list of accounts, as another platform exports it: CSV with a header, or JSON lines, plain, gzip or zstd.

Everything is read and checked before anything is done, and all problems are reported at once.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO, Final, cast

from dayfile.accounts.bring import EntriesRefused
from dayfile.errors import Invalid, InvalidBody, InvalidParameter, InvalidRecord
from dayfile.files import zstd
from dayfile.model.account import AccountSid, parse_account_sid, sid_of_uuid
from dayfile.model.account_entry import FIELDS, AccountEntry, parse_entry
from dayfile.model.file_format import HEAD_BYTES, find_foreign_format
from dayfile.model.strictjson import parse_object

MOST_ENTRIES: Final = 200_000
"""The most accounts in one commit; longer lists are split into several files, parents first."""

_NAMES: Final = {field: field for field in FIELDS}
_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_MARK: Final = "\ufeff"  # what spreadsheets put before UTF-8

Row = tuple[int, dict[str, str]]
"""A line number and the texts of its fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineProblem:
    """A problem in a line of the list."""

    line: int
    field: str
    rule: str


class LinesRefused(Invalid):
    """A refusal of lines: nothing was changed, because of these problems."""

    def __init__(self, problems: Sequence[LineProblem]) -> None:
        lines = (f"line {problem.line}: {problem.field} {problem.rule}" for problem in problems[:20])
        more = f"\nand {len(problems) - 20} more" if len(problems) > 20 else ""  # noqa: PLR2004 - as shown above
        super().__init__("nothing was changed:\n" + "\n".join(lines) + more)
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountList:
    """The entries of a list, and the lines on which they stand."""

    entries: tuple[AccountEntry, ...]
    lines: tuple[int, ...]

    def refused(self, by: EntriesRefused) -> LinesRefused:
        """Return the same refusal with line numbers, as the owner of the list needs it."""
        return LinesRefused(
            [LineProblem(line=self.lines[one.number], field=one.field, rule=one.rule) for one in by.problems]
        )


def read_accounts(stream: BinaryIO, *, on_progress: Callable[[int], None]) -> AccountList:
    """Read a list to its end; `on_progress` gets the bytes of each line, after decompression.

    Raises LinesRefused, which names every bad line with field and rule, or InvalidBody for what cannot be read at all.
    """
    entries: list[AccountEntry] = []
    lines: list[int] = []
    problems: list[LineProblem] = []
    try:
        for line, fields in _rows(stream, problems, on_progress):
            if len(entries) == MOST_ENTRIES:
                raise InvalidBody(f"a list has at most {MOST_ENTRIES:,} accounts: split it, parents first")
            try:
                entries.append(parse_entry(fields, names=_NAMES, read_sid=_read_sid))
                lines.append(line)
            except InvalidParameter as error:
                problems.append(LineProblem(line=line, field=error.name, rule=error.rule))
    except (EOFError, gzip.BadGzipFile, zlib.error, zstd.ZstdError) as error:
        raise InvalidBody(f"the list is not whole gzip or zstd: {error}") from error
    except UnicodeDecodeError as error:
        raise InvalidBody("the list must be UTF-8") from error
    except csv.Error as error:
        raise InvalidBody(f"the list is not CSV: {error}") from error
    if problems:
        raise LinesRefused(sorted(problems, key=lambda problem: problem.line))
    return AccountList(entries=tuple(entries), lines=tuple(lines))


def _rows(stream: BinaryIO, problems: list[LineProblem], on_progress: Callable[[int], None]) -> Iterator[Row]:
    buffered = io.BufferedReader(cast("io.RawIOBase", stream))
    try:
        lines = _decoded(_plain(buffered), on_progress)
        first = next(lines, "").removeprefix(_MARK)
        read = _json_rows if first.lstrip().startswith("{") else _csv_rows
        yield from read(chain([first], lines), problems)
    finally:
        buffered.detach()  # the stream is the caller's, and open


def _plain(packed: io.BufferedReader[io.RawIOBase]) -> io.BufferedIOBase:
    """Return the decompressed list; raises InvalidBody for a file of another kind."""
    head = packed.peek(HEAD_BYTES)[:HEAD_BYTES]
    if head.startswith(_GZIP):
        return gzip.GzipFile(fileobj=packed)
    if head.startswith(_ZSTD):
        return zstd.ZstdFile(packed)
    if found := find_foreign_format(head):
        raise InvalidBody(f"the list is {found.name}, not CSV or JSON lines: {found.way_out}")
    return packed


def _decoded(lines: Iterable[bytes], on_progress: Callable[[int], None]) -> Iterator[str]:
    for line in lines:
        on_progress(len(line))
        yield line.decode()


def _csv_rows(lines: Iterator[str], problems: list[LineProblem]) -> Iterator[Row]:
    reader = csv.reader(lines, strict=True)
    header = [name.strip() for name in next(reader, [])]
    unknown = [name for name in header if name not in FIELDS]
    if unknown or "sid" not in header or len(set(header)) != len(header):
        raise InvalidBody(
            f"the first line of a CSV list names its columns, sid and any of {', '.join(FIELDS[1:])}, each once; "
            f"got {', '.join(header)[:200]!r}"
        )
    for row in reader:
        if not any(map(str.strip, row)):
            continue  # an empty line, or one of empty cells, which spreadsheets leave at the end
        if len(row) == len(header):
            # An empty cell says nothing, not even that there is no e-mail address.
            yield reader.line_num, {name: cell for name, cell in zip(header, row, strict=True) if cell}
        else:
            rule = f"must have {len(header)} cells, as the header has; got {len(row)}"
            problems.append(LineProblem(line=reader.line_num, field="the line", rule=rule))


def _json_rows(lines: Iterator[str], problems: list[LineProblem]) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            members = parse_object(line.strip().encode())
        except InvalidRecord as error:
            problems.append(LineProblem(line=number, field="the line", rule=error.reason))
            continue
        wrong = [name for name, value in members.items() if name not in FIELDS or not isinstance(value, str | None)]
        if wrong:
            rule = f"must be text and one of {', '.join(FIELDS)}"
            problems.append(LineProblem(line=number, field=wrong[0][:80], rule=rule))
            continue
        yield number, {name: value for name, value in members.items() if isinstance(value, str)}


def _read_sid(text: str, name: str) -> AccountSid:
    sid = sid_of_uuid("AC", text)
    return parse_account_sid(text, name=name) if sid is None else AccountSid(sid)
