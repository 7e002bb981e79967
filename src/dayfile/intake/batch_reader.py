"""Reading of a batch for its commit: lines are parsed, sorted, and written in parts if they do not fit in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dayfile.intake.authorization import Gate
from dayfile.intake.batch import Batch, DayLines, Part, Sorting, without_value
from dayfile.intake.body import Line
from dayfile.intake.idempotency import IdempotencyKey, stored
from dayfile.intake.latest_time import LatestTime
from dayfile.intake.rejections import RejectionWriter, are_few
from dayfile.intake.segment_writer import SegmentWriter
from dayfile.model.receipt import Receipt, Refusal
from dayfile.model.record import RecordReader
from dayfile.model.resource import ResourceType
from dayfile.model.secret import Randomness

PART_BYTES = 16 * 1024 * 1024
"""The most bytes of lines of a batch that waits in memory."""

_SID_DIGITS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """The key of a request that may be repeated, and its body's digest, asked for once its lines have ended."""

    key: IdempotencyKey
    digest: Callable[[], str]


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
        part_bytes: int,
    ) -> None:
        self._writer = writer
        self._rejections = rejections
        self._latest = latest
        self._randomness = randomness
        self._keep_dropped = keep_dropped
        self._part_bytes = part_bytes

    def batch(
        self,
        lines: Iterable[Line],
        resource_type: ResourceType,
        gate: Gate,
        *,
        source: str | None = None,
        repeat: Repeat | None = None,
        checks_type: bool = True,
    ) -> Batch:
        """Read the lines to their end. Rejections are filed under `source`, or else under the receipt's sid.

        Raises what reading the lines raises, InvalidBody with `checks_type` when all are of another type, TooLarge when
        too many are refused, StorageUnavailable and DatabaseUnavailable; then nothing is left but ledger entries for
        the sweep.
        """
        sid = "RC" + self._randomness.hex(_SID_DIGITS)
        taken = _Taken(self._sorting(resource_type, gate, checks_type=checks_type), source=source or sid)
        lines = iter(lines)
        try:
            while taken.sorting.fill(lines, part_bytes=self._part_bytes):
                self._write_away(taken)
            return self._batch(taken, self._write_rest(taken), sid=sid, repeat=repeat)
        except BaseException:
            self._writer.give_up(taken.parts)
            self._rejections.give_up(taken.refused_upload)
            raise

    def sort(self, lines: Iterable[Line], resource_type: ResourceType, gate: Gate) -> Batch:
        """Read a few lines that are already kept as rejections, and write nothing; the batch has all refusals.

        Raises what `batch` raises.
        """
        taken = _Taken(self._sorting(resource_type, gate, checks_type=False), source="")
        lines = iter(lines)
        while taken.sorting.fill(lines, part_bytes=self._part_bytes):
            pass
        return self._batch(taken, taken.sorting.drain(), sid="RC" + self._randomness.hex(_SID_DIGITS), repeat=None)

    def _sorting(self, resource_type: ResourceType, gate: Gate, *, checks_type: bool) -> Sorting:
        reader = RecordReader(resource_type, keep_dropped=self._keep_dropped, now=self._latest.time())
        return Sorting(resource_type, gate=gate, parse=reader.parse, checks_type=checks_type)

    def _write_away(self, taken: _Taken) -> None:
        """Write lines and refusals that are enough for a part before the rest is read."""
        if taken.sorting.plain_bytes >= self._part_bytes:
            taken.parts += self._writer.write(taken.sorting.drain())
        if taken.sorting.has_many_refusals:
            self._write_refusals(taken)

    def _write_rest(self, taken: _Taken) -> tuple[DayLines, ...]:
        """Write lines and refusals that do not wait in memory for the commit; return the lines that do."""
        if taken.refused_upload is not None or not are_few(taken.sorting.refusals):
            self._write_refusals(taken)
        rest = taken.sorting.drain()
        if not taken.parts:
            return rest
        taken.parts += self._writer.write(rest)
        return ()

    def _write_refusals(self, taken: _Taken) -> None:
        taken.refused_upload = self._rejections.write(
            taken.sorting.take_refusals(), taken.sorting.resource_type, taken.source, upload_id=taken.refused_upload
        )

    def _batch(self, taken: _Taken, days: tuple[DayLines, ...], *, sid: str, repeat: Repeat | None) -> Batch:
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
            parts=tuple(taken.parts),
            refusals=refusals,
            stored=None if repeat is None else stored(receipt, repeat.key, body_sha256=repeat.digest()),
            retried=(),
            refused_upload=taken.refused_upload,
        )


class _Taken:
    """One batch while it is read: its sorted lines, and the parts already written."""

    def __init__(self, sorting: Sorting, *, source: str) -> None:
        self.sorting = sorting
        self.source = source
        self.parts: list[Part] = []
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
