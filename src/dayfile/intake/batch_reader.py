"""Reading of a batch for its commit: lines are parsed, sorted, and written in parts if they do not fit in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from dayfile.clock import Clock
from dayfile.intake.batch import Batch, DayLines, PendingSegment, Sorting
from dayfile.intake.chunk_reading import ReadChunk, UnreadChunk
from dayfile.intake.gate import Gate, Refused
from dayfile.intake.idempotency import KeyedBody, stored
from dayfile.intake.lines import Lines
from dayfile.intake.rejections import RejectionWriter, are_few
from dayfile.intake.segment_writer import SegmentWriter
from dayfile.model.account import AccountSid
from dayfile.model.line_reader import line_reader
from dayfile.model.receipt import LISTED_REJECTIONS, Receipt, Refusal, without_value
from dayfile.model.resource import ResourceType
from dayfile.model.secret import Randomness
from dayfile.store.database import Database

PART_BYTES = 16 * 1024 * 1024
"""The most bytes of lines of a batch that waits in memory."""

_SID_DIGITS = 32
_READ_AGAIN_SECONDS = 1.0  # a read of the mark for every small batch would cost it a tenth of its time


class BatchReader:
    """A maker of batches from lines."""

    def __init__(
        self,
        writer: SegmentWriter,
        rejections: RejectionWriter,
        *,
        latest: LatestTime,
        randomness: Randomness,
        keep_dropped: bool,
        may_be_compiled: bool,
        part_bytes: int,
    ) -> None:
        self._writer = writer
        self._rejections = rejections
        self._latest = latest
        self._randomness = randomness
        self._keep_dropped = keep_dropped
        self._may_be_compiled = may_be_compiled
        self._part_bytes = part_bytes

    def new_sid(self) -> str:
        """Return the sid of another receipt."""
        return self.new_sids(1)[0]

    def new_sids(self, count: int) -> list[str]:
        """Return the sids of so many receipts, for which the system is asked once: it lets other threads go first."""
        digits = self._randomness.hex(_SID_DIGITS * count)
        return ["RC" + digits[at : at + _SID_DIGITS] for at in range(0, len(digits), _SID_DIGITS)]

    def read(
        self,
        lines: Iterable[Lines],
        resource_type: ResourceType,
        gate: Gate,
        *,
        source: str | None = None,
        keyed: KeyedBody | None = None,
        checks_beginning: bool = True,
    ) -> Batch:
        """Read the lines to their end. Rejections are filed under `source`, or else under the receipt's sid.

        Raises what reading the lines raises, InvalidBody with `checks_beginning` when they were sent by mistake,
        TooLarge when too many are refused, StorageUnavailable and DatabaseUnavailable; then nothing is left but ledger
        entries for the sweep.
        """
        sid = self.new_sid()
        taken = _Taken(self._sorting(resource_type, gate, checks_beginning=checks_beginning), source=source or sid)
        try:
            for some in lines:
                for _ in taken.sorting.add(some):
                    self._write_away(taken)
            taken.sorting.end()
            return self._batch(taken, self._write_rest(taken), sid=sid, keyed=keyed)
        except BaseException:
            self._writer.give_up(taken.segments)
            self._rejections.give_up(taken.refused_upload)
            raise

    def read_kept(self, lines: Lines, resource_type: ResourceType, gate: Gate) -> Batch:
        """Read a few lines of which others have the bodies, and write nothing; the batch has all refusals.

        Raises what `read` raises.
        """
        taken = _Taken(self._sorting(resource_type, gate, checks_beginning=False), source="")
        deque(taken.sorting.add(lines), maxlen=0)
        return self._batch(taken, taken.sorting.drain(), sid=self.new_sid(), keyed=None)

    def unread(
        self, lines: Sequence[Lines], resource_type: ResourceType, *, refused: Mapping[AccountSid, Refused]
    ) -> UnreadChunk:
        """Return lines as another process can read them, with verdicts on accounts; raises DatabaseUnavailable."""
        return UnreadChunk(
            resource_type=resource_type,
            lines=lines,
            now=self._latest.time(),
            keep_dropped=self._keep_dropped,
            may_be_compiled=self._may_be_compiled,
            refused=refused,
        )

    def take_read(self, read: ReadChunk, resource_type: ResourceType, *, source: str, keyed: KeyedBody) -> Batch:
        """Return the batch of a chunk that was read elsewhere, as `read` makes it; its accounts were judged.

        Raises StorageUnavailable and DatabaseUnavailable.
        """
        segments: list[PendingSegment] = []
        refused_upload: int | None = None
        try:
            segments += self._writer.put(read.days)
            if not are_few(read.refusals):
                refused_upload = self._rejections.write(read.refusals, resource_type, source, upload_id=None)
        except BaseException:
            self._writer.give_up(segments)
            raise
        receipt = Receipt(
            sid=self.new_sid(),
            accepted=read.accepted,
            rejected=len(read.refusals),
            refusals=tuple(map(_as_answered, read.refusals[:LISTED_REJECTIONS])),
        )
        return Batch(
            receipt=receipt,
            resource_type=resource_type,
            source=source,
            days=(),
            segments=tuple(segments),
            refusals=read.refusals if refused_upload is None else (),
            stored=stored(receipt, keyed),
            retried=(),
            refused_upload=refused_upload,
        )

    def _sorting(self, resource_type: ResourceType, gate: Gate, *, checks_beginning: bool) -> Sorting:
        reader = line_reader(
            resource_type,
            keep_dropped=self._keep_dropped,
            now=self._latest.time(),
            may_be_compiled=self._may_be_compiled,
        )
        return Sorting(resource_type, gate=gate, reader=reader, checks_beginning=checks_beginning)

    def _write_away(self, taken: _Taken) -> None:
        """Write lines and refusals that are enough for a part before the rest is read."""
        if taken.sorting.plain_bytes >= self._part_bytes:
            taken.segments += self._writer.write(taken.sorting.drain())
        if taken.sorting.has_many_refusals:
            self._write_refusals(taken)

    def _write_rest(self, taken: _Taken) -> tuple[DayLines, ...]:
        """Write lines and refusals that do not wait in memory for the commit; return the lines that do."""
        if taken.refused_upload is not None or not are_few(taken.sorting.refusals):
            self._write_refusals(taken)
        rest = taken.sorting.drain()
        if not taken.segments:
            return rest
        taken.segments += self._writer.write(rest)
        return ()

    def _write_refusals(self, taken: _Taken) -> None:
        taken.refused_upload = self._rejections.write(
            taken.sorting.take_refusals(), taken.sorting.resource_type, taken.source, upload_id=taken.refused_upload
        )

    def _batch(self, taken: _Taken, days: tuple[DayLines, ...], *, sid: str, keyed: KeyedBody | None) -> Batch:
        refusals = taken.sorting.take_refusals()
        receipt = Receipt(
            sid=sid,
            accepted=taken.sorting.accepted,
            rejected=taken.sorting.rejected,
            refusals=tuple(map(_as_answered, taken.sorting.first_refusals)),
        )
        return Batch(
            receipt=receipt,
            resource_type=taken.sorting.resource_type,
            source=taken.source,
            days=days,
            segments=tuple(taken.segments),
            refusals=refusals,
            stored=None if keyed is None else stored(receipt, keyed),
            retried=(),
            refused_upload=taken.refused_upload,
        )


class _Taken:
    """One batch while it is read: its sorted lines, and the segments already written."""

    def __init__(self, sorting: Sorting, *, source: str) -> None:
        self.sorting = sorting
        self.source = source
        self.segments: list[PendingSegment] = []
        self.refused_upload: int | None = None


def _as_answered(refusal: Refusal) -> Refusal:
    """Return a refusal as a receipt names it: without record content, since senders log receipts."""
    return Refusal(
        line_number=refusal.line_number,
        field=refusal.field,
        reason=without_value(refusal.reason),
        line=b"",
        account=None,
    )


class LatestTime:
    """The latest moment that it may be by now, the later of the clock and the mark. Safe to share between threads.

    So records are not refused because this machine's clock is behind.
    """

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._mark = clock.now()
        self._read_again_at = float("-inf")

    def time(self) -> datetime:
        """Return the clock's time, or the mark if that is later; the mark is read at most once a second.

        Raises DatabaseUnavailable.
        """
        if self._clock.monotonic() >= self._read_again_at:
            with self._database.snapshot() as tx:
                mark = tx.clock_marks.find()
            self._mark = mark.at if mark else self._clock.now()
            self._read_again_at = self._clock.monotonic() + _READ_AGAIN_SECONDS
        return max(self._clock.now(), self._mark)
