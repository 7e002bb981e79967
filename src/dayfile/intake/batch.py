"""A batch: its lines sorted by day, its refused ones with their reasons, and the content of its commit.

There is no I/O here but the gate's. A batch's memory is bounded: its records are handed on in parts, and a batch with
too many refused lines is refused as a whole. So is one whose beginning shows that it was sent by mistake.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from operator import itemgetter

from dayfile.errors import TooLarge
from dayfile.intake.beginning import Beginning
from dayfile.intake.gate import Gate, Refused
from dayfile.intake.lines import Lines
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.line_reader import LineReader
from dayfile.model.part import Part
from dayfile.model.receipt import KEPT_LINE_BYTES, LISTED_REJECTIONS, Receipt, Refusal, StoredReceipt, without_value
from dayfile.model.resource import ResourceType
from dayfile.model.segment import NewSegment
from dayfile.spans import Origin

REFUSED_BYTES_LIMIT = 64 * 1024 * 1024
"""The most bytes of refused lines in a batch: they are kept in the state database, and more of them are a mistake."""

HELD_REFUSALS = 1000
HELD_REFUSAL_BYTES = 1024 * 1024
"""The bytes of refused lines, and above it their number, at which they are written before more come."""

_Refused = tuple[int, str | None, str, AccountSid | None]  # a line's place, its field, the reason, what it waits for
_UNDECIDED_BYTES = 16 * 1024 * 1024  # of refused lines that may yet be no batch: they are not written before that


@dataclass(frozen=True, slots=True, kw_only=True)
class DayLines:
    """Final lines of one resource type and day, in the order of their arrival."""

    resource_type: ResourceType
    day: Day
    text: bytes
    records: int
    accounts: frozenset[AccountSid]


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
    origins: tuple[Origin, ...] = ()  # the spans of its requests

    @property
    def waiting_bytes(self) -> int:
        """The approximate number of bytes of memory that it takes while it waits."""
        return sum(len(day.text) for day in self.days) + sum(refusal.bytes for refusal in self.refusals)


class Sorting:
    """The sorting of one batch."""

    def __init__(self, resource_type: ResourceType, *, gate: Gate, reader: LineReader, checks_beginning: bool) -> None:
        """Refuse lines as a whole that were sent by mistake, if `checks_beginning` is set."""
        self.accepted = 0
        self.rejected = 0
        self.first_refusals: list[Refusal] = []
        self.refusals: list[Refusal] = []  # since they were last taken
        self.plain_bytes = 0  # of the lines since the last drain, approximately
        self.resource_type = resource_type
        self._gate = gate
        self._reader = reader
        self._days: dict[Day, _Gathered] = {}
        self._refused_accounts: dict[AccountSid, Refused] = {}
        self._beginning = Beginning(resource_type) if checks_beginning else None  # None once it is no question
        self._refused_bytes = 0
        self._held_refusal_bytes = 0

    @property
    def has_many_refusals(self) -> bool:
        """True if there are so many refused lines that they should be taken."""
        most_bytes = HELD_REFUSAL_BYTES if self._beginning is None else _UNDECIDED_BYTES
        return len(self.refusals) >= HELD_REFUSALS or self._held_refusal_bytes >= most_bytes

    def add(self, lines: Lines) -> Iterator[None]:
        """Sort more lines, and pause after some of them: `drain` and `take_refusals` may be called then.

        Raises TooLarge if too many are refused, InvalidBody if they were sent by mistake.
        """
        for part in self._reader.read(lines.texts):
            if self._beginning is not None and not self._beginning.is_mistaken(part, lines.numbers):
                self._beginning = None
            refused: list[_Refused] = [(at, invalid.field, invalid.reason, None) for at, invalid in part.refused]
            refused += self._sort(part)
            for at, field, reason, account in sorted(refused, key=itemgetter(0)):
                self._refuse(lines.numbers[at], lines.texts[at], field=field, reason=reason, account=account)
                if self.has_many_refusals:
                    yield
            yield

    def end(self) -> None:
        """End the batch: there are no more lines. Raises InvalidBody if they are many, and were sent by mistake."""
        if self._beginning is not None:
            self._beginning.end()

    def take_refusals(self) -> tuple[Refusal, ...]:
        """Return the refused lines that were not taken yet, in their order."""
        taken, self.refusals, self._held_refusal_bytes = tuple(self.refusals), [], 0
        self.rejected += len(taken)
        self.first_refusals += taken[: LISTED_REJECTIONS - len(self.first_refusals)]
        return taken

    def drain(self) -> tuple[DayLines, ...]:
        """Return the records of the part, by day; the next part begins empty."""
        days, self._days, self.plain_bytes = self._days, {}, 0
        drained = tuple(self._day_lines(day, days[day]) for day in sorted(days))
        self.accepted += sum(day.records for day in drained)
        return drained

    def _sort(self, part: Part) -> list[_Refused]:
        """Add the records of a part to those of their days; return those whose accounts are not let in."""
        verdicts = self._verdicts(part.accounts)
        self.plain_bytes += sum(map(len, part.texts))
        if not verdicts and len(part.days) == 1:
            [day] = part.days
            self._gathered(day).add(part.texts, part.accounts, records=part.count)
            return []
        refused: list[_Refused] = []
        for at, text, account, day in part.records():
            verdict = verdicts.get(account)
            if verdict is None:
                self._gathered(day).add((text,), (account,), records=1)
            else:
                waits_for = account if verdict.waits_for_account else None
                refused.append((at, "account_sid", verdict.reason, waits_for))
        return refused

    def _verdicts(self, accounts: AbstractSet[AccountSid]) -> Mapping[AccountSid, Refused]:
        """Return the accounts that are not let in.

        One that was refused is refused to the end of the batch, though it may exist by then: its refused lines are
        taken in later, and none that came after them may be taken in before.
        """
        unknown = accounts - self._gate.known - self._refused_accounts.keys()
        if unknown:
            self._refused_accounts.update(self._gate.judge(unknown))
        return {account: verdict for account, verdict in self._refused_accounts.items() if account in accounts}

    def _day_lines(self, day: Day, gathered: _Gathered) -> DayLines:
        return DayLines(
            resource_type=self.resource_type,
            day=day,
            text=b"".join(gathered.texts),
            records=gathered.records,
            accounts=frozenset(gathered.accounts),
        )

    def _gathered(self, day: Day) -> _Gathered:
        gathered = self._days.get(day)
        if gathered is None:
            gathered = self._days[day] = _Gathered()
        return gathered

    def _refuse(self, number: int, line: bytes, *, field: str | None, reason: str, account: AccountSid | None) -> None:
        kept = line[:KEPT_LINE_BYTES]
        refusal = Refusal(line_number=number, field=field, reason=reason, line=kept, account=account)
        self._refused_bytes += refusal.bytes
        self._held_refusal_bytes += refusal.bytes
        self.refusals.append(refusal)
        if self._refused_bytes > REFUSED_BYTES_LIMIT:
            raise self._too_many()

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


def _one(group: Sequence[DayLines]) -> DayLines:
    return DayLines(
        resource_type=group[0].resource_type,
        day=group[0].day,
        text=b"".join(day.text for day in group),
        records=sum(day.records for day in group),
        accounts=frozenset().union(*(day.accounts for day in group)),
    )


class _Gathered:
    """The lines of one day so far."""

    def __init__(self) -> None:
        self.texts: list[bytes] = []
        self.accounts: set[AccountSid] = set()
        self.records = 0

    def add(self, texts: Iterable[bytes], accounts: Iterable[AccountSid], *, records: int) -> None:
        self.texts += texts
        self.accounts.update(accounts)
        self.records += records
