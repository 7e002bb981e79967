"""Compaction of many small segments of a day into one object: sealing opens few, and the state database stays small.

It runs between intake and sealing, and may run beside both. Every line keeps its order of arrival. If a seal takes one
of the segments meanwhile, the commit of the compaction fails, and nothing has happened. A worker claims what it
compacts, so that others compact something else; if it dies, its claim ends by itself.

Segments are compacted with others of about their size, as in a log-structured merge tree: each line is rewritten once
for every step up in size, however long segments go on coming in. Those of the last step, as whole batches make them,
are left alone until they are very many: writing a line again costs more than a seal gains by opening fewer of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate
from pathlib import Path

import structlog

from dayfile.clock import Clock
from dayfile.errors import LostClaim, NotFound, Transient
from dayfile.files import segments
from dayfile.files.read_ahead import read_ahead
from dayfile.files.soundness import compare_inline, compare_whole, is_of_one_object, reason_of
from dayfile.files.storage import Storage
from dayfile.model.damage import damaged_segment, inline_key
from dayfile.model.day import Day
from dayfile.model.resource import ResourceType
from dayfile.model.secret import Randomness
from dayfile.model.segment import INLINE_LIMIT_BYTES, Segment, SegmentKind, compacted_segment
from dayfile.objects.layout import UNIQUE_DIGITS, segment_key
from dayfile.objects.writer import ObjectWriter, PendingObject
from dayfile.store.database import Database
from dayfile.store.segments import COMPACTION_LEASE, WaitingDay
from dayfile.store.transaction import Transaction

log = structlog.get_logger()

LEAST_SEGMENTS = 64
"""The fewest segments of about one size that are worth compacting."""

LEAST_LARGE_SEGMENTS = 512
"""The fewest segments of the last step, unless many machines read them."""

MOST_SEGMENTS = 4096
MOST_BYTES = 256 * 1024 * 1024
"""The most segments and stored bytes that one compaction takes: other work of the loop waits for it."""

LARGE_BYTES = 128 * 1024 * 1024
"""The size of segments that many machines read in part: each request costs the same, and below 16 MiB all is read."""

_STEPS = tuple(INLINE_LIMIT_BYTES * 16**step for step in range(3))  # 32 KiB, 512 KiB, 8 MiB: above that, large enough
_READ_AT_ONCE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactionRule:
    """The rule for when compaction is worth it, and how much is done at once."""

    least_segments: int = LEAST_SEGMENTS
    least_large_segments: int = LEAST_LARGE_SEGMENTS
    most_segments: int = MOST_SEGMENTS
    most_bytes: int = MOST_BYTES
    large_bytes: int = 0
    """The size that segments beyond the last step are brought to, however few there are; 0: they are large enough."""

    def is_enough(self, count: int, limit: int) -> bool:
        """Return True if so many segments of a step, which has this limit, are worth compacting."""
        is_left_alone = limit == _STEPS[-1] and not self.large_bytes
        return count >= (self.least_large_segments if is_left_alone else self.least_segments)


class Compaction:
    """Compaction of segments, one day a step."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        *,
        clock: Clock,
        randomness: Randomness,
        sweep_delay: timedelta,
        rule: CompactionRule | None = None,
    ) -> None:
        self._database = database
        self._storage = storage
        self._objects = ObjectWriter(database, storage, clock=clock)
        self._clock = clock
        self._randomness = randomness
        self._sweep_delay = sweep_delay
        self._rule = rule or CompactionRule()
        self._looked_at: dict[tuple[ResourceType, Day], tuple[WaitingDay, float]] = {}
        self._left_out: defaultdict[tuple[ResourceType, Day], set[int]] = defaultdict(set)  # ids of damaged segments

    def step(self) -> bool:
        """Compact the small segments of the day that has most of them; False if no day has enough.

        A damaged segment is recorded and left out, and a day that cannot be compacted holds up no other. Raises
        StorageUnavailable, DatabaseUnavailable, and the error of a day in which nothing is damaged.
        """
        with self._database.snapshot() as tx:
            waiting = tx.segments.waiting()
        self._forget_days_that_are_gone(waiting)
        for day in sorted(waiting, key=_segments, reverse=True):
            if day.segments < (2 if self._rule.large_bytes else self._rule.least_segments):
                return False
            if self._is_news(day):
                group = self._largest_group(day.resource_type, day.day)
                if group and self._compact_group(day, group):
                    return True
                # Until something else comes for this day, the other days have their turn.
                self._put_aside(day)
        return False

    def _is_news(self, day: WaitingDay) -> bool:
        """Return True unless we have looked at the day as it is now, and no claim of another worker has ended since."""
        before, until = self._looked_at.get((day.resource_type, day.day), (None, 0.0))
        return before != day or self._clock.monotonic() >= until

    def _put_aside(self, day: WaitingDay) -> None:
        until = self._clock.monotonic() + COMPACTION_LEASE.total_seconds()
        self._looked_at[day.resource_type, day.day] = (day, until)

    def _compact_group(self, day: WaitingDay, group: Sequence[Segment]) -> bool:
        """Compact a group, or find the damaged segments in it; False if a seal had one of them first."""
        try:
            # If another worker had them first, there may be others.
            return not self._claim(group) or self._compact(group)
        except Exception as error:
            damaged = self._damaged(group) if is_of_one_object(error) else []
            if not damaged and isinstance(error, NotFound):
                return False
            if not damaged and not isinstance(error, Transient):
                self._put_aside(day)  # it is not said all the time
            if not damaged:
                raise
        self._left_out[day.resource_type, day.day] |= {segment.id for segment in damaged}
        return True

    def _damaged(self, group: Sequence[Segment]) -> list[Segment]:
        """Record which segments of a group are damaged: the next seal will hold what it cannot read of them."""
        reasons = {segment.id: self._reason(segment) for segment in group}
        damaged = [segment for segment in group if reasons[segment.id] is not None]
        with self._database.transaction() as tx:
            now = self._clock.now()
            there = [segment for segment in damaged if tx.segments.exists(segment.id)]  # else somebody has sealed it
            for segment in there:
                tx.damages.record(damaged_segment(segment, accounts=None, reason=reasons[segment.id] or ""), now=now)
        for segment in there:
            log.error(
                "segment.damaged",
                object=segment.key or inline_key(segment.id),
                resource_type=segment.resource_type.name,
                day=str(segment.day),
                reason=reasons[segment.id],
                what_to_do="run `dayfile damage list`",
            )
        return there

    def _reason(self, segment: Segment) -> str | None:
        if segment.key is None:
            with self._database.snapshot() as tx:
                data = tx.segments.inline([segment.id]).get(segment.id)
            return reason_of(lambda: compare_inline(data, checksum=segment.checksum))
        return reason_of(lambda: compare_whole(self._data(segment.key or ""), checksum=segment.checksum))

    def _forget_days_that_are_gone(self, waiting: Sequence[WaitingDay]) -> None:
        still = {(day.resource_type, day.day) for day in waiting}
        self._looked_at = {key: day for key, day in self._looked_at.items() if key in still}
        self._left_out = defaultdict(set, {key: ids for key, ids in self._left_out.items() if key in still})

    def _largest_group(self, resource_type: ResourceType, day: Day) -> list[Segment]:
        """Return the largest group of segments of about one size that may be compacted now; empty if too few."""
        left_out = self._left_out[resource_type, day]
        with self._database.snapshot() as tx:
            compactable = tx.segments.compactable(resource_type, day, now=self._clock.now())
        found = [one for one in compactable if one.id not in left_out]
        groups: dict[int, list[Segment]] = {limit: [] for limit in _STEPS}
        beyond: list[Segment] = []
        for segment in found:
            limit = next((limit for limit in _STEPS if segment.stored_bytes <= limit), None)
            # Marks that erase are not lines, and few.
            if limit is not None and segment.kind is SegmentKind.FULL:
                groups[limit].append(segment)
            elif segment.kind is SegmentKind.FULL and segment.stored_bytes < self._rule.large_bytes:
                beyond.append(segment)
        many = [group for limit, group in groups.items() if self._rule.is_enough(len(group), limit)]
        return self._bounded(max(many, key=len)) if many else self._large_group(beyond)

    def _large_group(self, beyond: Sequence[Segment]) -> list[Segment]:
        """Return as many segments as make a large one; empty if all of them do not."""
        for count, size in enumerate(accumulate(segment.stored_bytes for segment in beyond), start=1):
            if size >= self._rule.large_bytes:
                return list(beyond[:count])
        return []

    def _bounded(self, group: Sequence[Segment]) -> list[Segment]:
        bounded: list[Segment] = []
        size = 0
        for segment in group[: self._rule.most_segments]:
            size += segment.stored_bytes
            if size > self._rule.most_bytes and len(bounded) >= self._rule.least_segments:
                break
            bounded.append(segment)
        return bounded

    def _claim(self, group: Sequence[Segment]) -> bool:
        """Claim these segments; False if another worker has one of them, or it is gone."""
        ids = [segment.id for segment in group]
        try:
            self._database.run(lambda tx: tx.segments.claim(ids, now=self._clock.now()))
        except LostClaim:
            return False
        except Transient:
            self._give_up(group)  # it may be committed
            raise
        return True

    def _give_up(self, group: Sequence[Segment]) -> None:
        ids = [segment.id for segment in group]
        with suppress(Transient):  # then the claim ends by itself
            self._database.run(lambda tx: tx.segments.give_up(ids))

    def _compact(self, group: Sequence[Segment]) -> bool:
        """Replace these segments by one; False if a seal took one of them first. Gives up the claim if it fails."""
        first = group[0]
        key = segment_key(first.resource_type, first.day, self._randomness.hex(UNIQUE_DIGITS))
        try:
            with closing(self._sources(group)) as sources:
                merged = segments.Merged(sources, first.resource_type)
                with self._objects.put(key, merged) as new:
                    self._replace(group, new, checksum=merged.checksum)
        except LostClaim:
            self._give_up(group)
            return False
        except Exception:
            self._give_up(group)
            raise
        return True

    def _replace(self, group: Sequence[Segment], new: PendingObject, *, checksum: int) -> None:
        segment = compacted_segment(group, key=new.key, stored_bytes=new.size_bytes, checksum=checksum)

        def replace(tx: Transaction) -> None:
            now = self._clock.now()
            tx.segments.replace([old.id for old in group], segment, accepted_at=min(old.accepted_at for old in group))
            tx.uploads.go_live([new.upload_id], now=now)
            unused = [old.key for old in group if old.key is not None]
            tx.uploads.discard(unused, now=now, delete_after=now + self._sweep_delay)

        self._database.run(replace)

    def _sources(self, group: Sequence[Segment]) -> Generator[segments.Source, None, None]:
        """Return the contents of the segments, in their order; raises NotFound for one that somebody else took."""

        def source(found: tuple[Segment, bytes | None]) -> segments.Source:
            segment, inline = found
            data = inline if inline is not None else self._data(segment.key or "")
            return segments.Source(id=segment.id, data=data, checksum=segment.checksum)

        return read_ahead(
            self._with_inline(group), source, storage=self._storage, size_of=lambda found: found[0].stored_bytes
        )

    def _with_inline(self, group: Sequence[Segment]) -> Iterator[tuple[Segment, bytes | None]]:
        """Yield the segments with the bytes of those that are inline, which are read some at a time."""
        for start in range(0, len(group), _READ_AT_ONCE):
            some = group[start : start + _READ_AT_ONCE]
            with self._database.snapshot() as tx:
                inline = tx.segments.inline([segment.id for segment in some if segment.is_inline])
            for segment in some:
                if segment.is_inline and segment.id not in inline:
                    raise NotFound(f"the segment {segment.id} is not there any more")
                yield segment, inline.get(segment.id)

    def _data(self, key: str) -> bytes | Path:
        return self._storage.path(key) or b"".join(self._storage.read(key))


def _segments(day: WaitingDay) -> int:
    return day.segments
