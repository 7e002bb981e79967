"""A batch: its lines sorted by day, its refused ones with their reasons, and the content of its commit.

There is no I/O here but the gate's. A batch's memory is bounded: its records are handed on in parts, and a batch with
too many refused lines is refused as a whole. So is one that begins with records of another type only: its address is
wrong, not its lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from dayfile.errors import InvalidBody, InvalidRecord, TooLarge
from dayfile.intake.authorization import Gate
from dayfile.intake.body import Line
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.receipt import KEPT_LINE_BYTES, LISTED_REJECTIONS, Receipt, Refusal
from dayfile.model.record import Record
from dayfile.model.resource import ResourceType
from dayfile.model.segment import NewSegment
from dayfile.store.receipts import StoredReceipt

REFUSED_BYTES_LIMIT = 64 * 1024 * 1024
"""The most bytes of refused lines in a batch: they are kept in the state database, and more of them are a mistake."""

HELD_REFUSALS = 1000
HELD_REFUSAL_BYTES = 1024 * 1024
"""The bytes of refused lines, and above it their number, at which they are written before more come."""

TYPE_TOLD_BY = 1000
FEWEST_OF_ANOTHER_TYPE = 100
"""A batch is refused if its first TYPE_TOLD_BY lines, or all of FEWEST_OF_ANOTHER_TYPE or more, are of another type."""

_UNDECIDED_BYTES = 16 * 1024 * 1024  # of refused lines that may yet be no batch: they are not written before that


@dataclass(frozen=True, slots=True, kw_only=True)
class DayLines:
    """Final lines of one resource type and day, in the order of their arrival."""

    resource_type: ResourceType
    day: Day
    lines: Sequence[bytes]
    accounts: frozenset[AccountSid]
    plain_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingSegment:
    """A segment that is ready to be committed: inline, or an object that is pending in the ledger."""

    segment: NewSegment
    upload_id: int | None  # None: inline


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """The content of one commit, all or nothing, before the receipt may be given."""

    receipt: Receipt
    resource_type: ResourceType
    source: str  # rejections are filed under it
    days: tuple[DayLines, ...]  # still in memory: shares its segments with other batches
    segments: tuple[PendingSegment, ...]  # already written, of a batch too large for memory: `days` is empty
    refusals: tuple[Refusal, ...]  # with their lines; empty if they are already written
    stored: StoredReceipt | None  # the answer to the idempotency key
    retried: tuple[int, ...]  # rejections that are accepted with it
    refused_upload: int | None = None  # the ledger entry under which its refused lines are written, if they are many

    @property
    def waiting_bytes(self) -> int:
        """The approximate number of bytes of memory that it takes while it waits."""
        return sum(day.plain_bytes for day in self.days) + sum(refusal.bytes for refusal in self.refusals)


class Sorting:
    """The sorting of one batch."""

    def __init__(
        self, resource_type: ResourceType, *, gate: Gate, parse: Callable[[bytes], Record], checks_type: bool
    ) -> None:
        """Refuse lines that are all of another type as a whole, if `checks_type` is set."""
        self.accepted = 0
        self.rejected = 0
        self.first_refusals: list[Refusal] = []
        self.refusals: list[Refusal] = []  # since they were last taken
        self.plain_bytes = 0  # of the lines since the last drain, approximately
        self.resource_type = resource_type
        self._gate = gate
        self._parse = parse
        self._days: dict[Day, _Gathered] = {}
        self._doubtful: list[tuple[int, bytes, Record]] = []
        self._other_types: Counter[str] | None = Counter() if checks_type else None  # None once it is no question
        self._refused_bytes = 0
        self._held_refusal_bytes = 0

    @property
    def has_many_refusals(self) -> bool:
        """True if there are so many refused lines that they should be taken."""
        most_bytes = HELD_REFUSAL_BYTES if self._other_types is None else _UNDECIDED_BYTES
        return len(self.refusals) >= HELD_REFUSALS or self._held_refusal_bytes >= most_bytes

    def fill(self, lines: Iterator[Line], *, part_bytes: int) -> bool:
        """Take lines until they complete a part or many are refused; False if they ended before.

        Raises TooLarge if too many are refused, InvalidBody if all are of another type.
        """
        parse, known = self._parse, self._gate.known
        doubtful: set[AccountSid] = set()
        size, gathered, is_full = self.plain_bytes, _Gathered(None), False
        for number, line in lines:
            try:
                record = parse(line)
            except InvalidRecord as invalid:
                self._note_type(invalid.of_type, after_records=size > 0)
                self._refuse(number, line, field=invalid.field, reason=invalid.reason)
                if self.has_many_refusals:
                    is_full = True
                    break
                continue
            size += len(record.line)
            # Another batch may make an account known to the gate meanwhile: its lines must not overtake those waiting.
            if record.account not in known or record.account in doubtful:
                doubtful.add(record.account)
                self._doubtful.append((number, line, record))
            else:
                if record.day is not gathered.day:  # most lines are of the day of the line before
                    gathered = self._gathered(record.day)
                gathered.add(record.line)
                gathered.note(record.account)
            if size >= part_bytes:
                is_full = True
                break
        self.plain_bytes = size
        self._judge()
        if not is_full:
            self._check_type()
        return is_full

    def take_refusals(self) -> tuple[Refusal, ...]:
        """Return the refused lines that were not taken yet, in their order."""
        taken, self.refusals, self._held_refusal_bytes = tuple(self.refusals), [], 0
        self.rejected += len(taken)
        self.first_refusals += taken[: LISTED_REJECTIONS - len(self.first_refusals)]
        return taken

    def drain(self) -> tuple[DayLines, ...]:
        """Return the records of the part, by day; the next part begins empty."""
        if self.plain_bytes:
            self._other_types = None
        days, self._days, self.plain_bytes = self._days, {}, 0
        drained = tuple(self._day_lines(day, days[day]) for day in sorted(days))
        self.accepted += sum(len(day.lines) for day in drained)
        return drained

    def _day_lines(self, day: Day, gathered: _Gathered) -> DayLines:
        return DayLines(
            resource_type=self.resource_type,
            day=day,
            lines=gathered.lines,
            accounts=frozenset(gathered.accounts),
            plain_bytes=sum(map(len, gathered.lines)),
        )

    def _gathered(self, day: Day) -> _Gathered:
        gathered = self._days.get(day)
        if gathered is None:
            gathered = self._days[day] = _Gathered(day)
        return gathered

    def _judge(self) -> None:
        """Decide about the accounts that the gate did not know at once.

        From an account's first such line on, all its lines in a part are doubtful, and lines of different accounts
        never meet in one record: coming after the others, they change no order that matters.
        """
        if not self._doubtful:
            return
        refused = self._gate.judge({record.account for _, _, record in self._doubtful})
        for number, line, record in self._doubtful:
            verdict = refused.get(record.account)
            if verdict is None:
                gathered = self._gathered(record.day)
                gathered.add(record.line)
                gathered.note(record.account)
            else:
                waits_for = record.account if verdict.waits_for_account else None
                self._refuse(number, line, field="account_sid", reason=verdict.reason, account=waits_for)
        self._doubtful.clear()
        self.refusals.sort(key=_line_number)

    def _refuse(
        self, number: int, line: bytes, *, field: str | None, reason: str, account: AccountSid | None = None
    ) -> None:
        kept = line[:KEPT_LINE_BYTES]
        refusal = Refusal(line_number=number, field=field, reason=reason, line=kept, account=account)
        self._refused_bytes += refusal.bytes
        self._held_refusal_bytes += refusal.bytes
        self.refusals.append(refusal)
        if self._refused_bytes > REFUSED_BYTES_LIMIT:
            raise self._too_many()

    def _note_type(self, of_type: str | None, *, after_records: bool) -> None:
        """Count one more line that is of another type, for as long as there was nothing else."""
        if self._other_types is None:
            return
        if of_type is None or after_records:
            self._other_types = None
            return
        self._other_types[of_type] += 1
        if self._other_types.total() == TYPE_TOLD_BY:
            raise self._wrong_type(f"the first {TYPE_TOLD_BY:,} lines")

    def _check_type(self) -> None:
        """Raises InvalidBody if all lines were of another type, and they are many."""
        if self._other_types is not None and not self.plain_bytes:
            count = self._other_types.total()
            if count >= FEWEST_OF_ANOTHER_TYPE:
                raise self._wrong_type(f"all {count} lines")

    def _wrong_type(self, lines: str) -> InvalidBody:
        types = " and ".join(sorted(self._other_types or ()))
        return InvalidBody(
            f"{lines} have sids of {types}, not {self.resource_type}: nothing was taken, send them as {types}"
        )

    def _too_many(self) -> TooLarge:
        first = (self.first_refusals or self.refusals)[0]
        return TooLarge(
            f"over {REFUSED_BYTES_LIMIT // 1024 // 1024} MiB of lines are refused, so nothing was taken; the first is "
            f"line {first.line_number}, {first.field or 'which'} {without_value(first.reason)}: "
            f"check that these are {self.resource_type}, or send smaller parts"
        )


def merged(batches: Iterable[Sequence[DayLines]]) -> list[DayLines]:
    """Return the lines of several batches as one per resource type and day, batch after batch."""
    groups: dict[tuple[str, Day], list[DayLines]] = {}
    for batch in batches:
        for day in batch:
            groups.setdefault((day.resource_type.name, day.day), []).append(day)
    return [group[0] if len(group) == 1 else _one(group) for group in groups.values()]


def without_value(reason: str) -> str:
    """Return a refusal's reason without the value that was given: receipts end up in the logs of senders."""
    return reason.partition("; got ")[0]


def _one(group: Sequence[DayLines]) -> DayLines:
    return DayLines(
        resource_type=group[0].resource_type,
        day=group[0].day,
        lines=[line for day in group for line in day.lines],
        accounts=frozenset().union(*(day.accounts for day in group)),
        plain_bytes=sum(day.plain_bytes for day in group),
    )


def _line_number(refusal: Refusal) -> int:
    return refusal.line_number


class _Gathered:
    """The lines of one day in a part so far."""

    __slots__ = ("accounts", "add", "day", "lines", "note")

    def __init__(self, day: Day | None) -> None:
        self.day = day
        self.lines: list[bytes] = []
        self.accounts: set[AccountSid] = set()
        self.add = self.lines.append  # bound once: only these two are called for every record
        self.note = self.accounts.add
