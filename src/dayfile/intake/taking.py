"""From the lines of a batch to what its commit needs: read, sorted, and written as far as memory does not hold it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dayfile.clock import Clock
from dayfile.intake.admission import Gate
from dayfile.intake.batch import Batch, Part
from dayfile.intake.lines import Line
from dayfile.intake.parts import PartWriter
from dayfile.intake.repeats import RepeatKey, stored
from dayfile.intake.sorting import DayLines, Sorting, without_value
from dayfile.model.receipt import LISTED_REJECTIONS, Receipt, Refusal
from dayfile.model.record import RecordReader
from dayfile.model.resource import ResourceType
from dayfile.model.secret import Randomness

PART_BYTES = 16 * 1024 * 1024
"""A batch with more bytes of lines than this does not wait in memory."""

_SID_DIGITS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """What a batch that comes again is known by; the digest is asked for when its lines have ended."""

    key: RepeatKey
    digest: Callable[[], str]


class Taking:
    """Makes batches of lines."""

    def __init__(
        self,
        writer: PartWriter,
        *,
        clock: Clock,
        randomness: Randomness,
        keep_dropped: bool,
        part_bytes: int,
    ) -> None:
        self._writer = writer
        self._clock = clock
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
    ) -> Batch:
        """Read the lines to their end. Rejections are filed under `source`, or else under the receipt's sid.

        Raises what reading the lines raises, TooLarge when too many are refused, StorageUnavailable and
        DatabaseUnavailable; then nothing is left but ledger entries for the sweep.
        """
        reader = RecordReader(resource_type, keep_dropped=self._keep_dropped, now=self._clock.now())
        sorting = Sorting(resource_type, gate=gate, parse=reader.parse)
        lines = iter(lines)
        parts: list[Part] = []
        try:
            while sorting.fill(lines, part_bytes=self._part_bytes):
                parts += self._writer.write(sorting.drain())
            rest = sorting.drain()
            if parts:
                parts += self._writer.write(rest)
                rest = ()
            return self._batch(sorting, rest, parts, source=source, repeat=repeat)
        except BaseException:
            self._writer.give_up(parts)
            raise

    def _batch(
        self,
        sorting: Sorting,
        days: tuple[DayLines, ...],
        parts: list[Part],
        *,
        source: str | None,
        repeat: Repeat | None,
    ) -> Batch:
        receipt = Receipt(
            sid="RC" + self._randomness.hex(_SID_DIGITS),
            accepted=sorting.accepted,
            rejected=len(sorting.refusals),
            refusals=tuple(map(_as_answered, sorting.refusals[:LISTED_REJECTIONS])),
        )
        return Batch(
            receipt=receipt,
            resource_type=sorting.resource_type,
            source=source or receipt.sid,
            days=days,
            parts=tuple(parts),
            refusals=tuple(sorting.refusals),
            stored=None if repeat is None else stored(receipt, repeat.key, body_sha256=repeat.digest()),
            retried=(),
        )


def _as_answered(refusal: Refusal) -> Refusal:
    """A refusal as a receipt names it: senders log receipts, so nothing of the record's content is in it."""
    return Refusal(
        line_number=refusal.line_number,
        field=refusal.field,
        reason=without_value(refusal.reason),
        line=b"",
        account=None,
    )
