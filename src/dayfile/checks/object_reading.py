"""The reading of many objects to their ends, which other machines may do: it needs no database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from dayfile.errors import DamagedObject, EngineUnavailable, StorageUnavailable
from dayfile.files.examination import examine_file, examine_segment
from dayfile.files.stretches import read_near
from dayfile.files.workplace import Engine, Workplace
from dayfile.model.export import SealedDay
from dayfile.model.segment import Segment
from dayfile.objects.layout import sealed_place

_BATCH_BYTES: Final = 64 * 1024 * 1024  # a second's work or less: a page of rows is shared among many machines


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectBatch:
    """Rows whose objects are to be read."""

    segments: tuple[Segment, ...] = ()
    files: tuple[SealedDay, ...] = ()


def read_objects(batch: ObjectBatch, *, at: Workplace) -> list[int]:
    """Return the ids of the rows, all of them of one kind, whose objects are not as they say, or cannot be read."""
    examinations = [(one.id, examine_segment(one, at.storage)) for one in batch.segments]
    found = [row_id for row_id, examination in examinations if not _is_whole(examination)]
    for one, held in read_near(batch.files, at.storage):
        if not _is_whole(examine_file(one, at.storage, held=held)):
            found.append(one.id)
    return found


class Batches:
    """The reading of pages of rows on a cluster, if there is one."""

    def __init__(self, cluster: Engine | None) -> None:
        self._cluster = cluster

    def whole_segments(self, page: Sequence[Segment]) -> set[int]:
        """Return the ids of segments that the cluster has found to be what their rows say; none if it does not work."""
        stored = [one for one in page if not one.is_inline]
        groups = _groups([one.stored_bytes for one in stored])
        return self._whole([ObjectBatch(segments=tuple(stored[of])) for of in groups])

    def whole_files(self, page: Sequence[SealedDay]) -> set[int]:
        """Return the ids of sealed files that the cluster has found whole, each in the place that its row names."""
        placed = [one for one in page if sealed_place(one.key) == (one.account, one.resource_type.name, one.day)]
        groups = _groups([one.size_bytes for one in placed])
        return self._whole([ObjectBatch(files=tuple(placed[of])) for of in groups])

    def _whole(self, batches: Sequence[ObjectBatch]) -> set[int]:
        if self._cluster is None:
            return set()
        whole: set[int] = set()
        with suppress(EngineUnavailable):  # what is not read there is read here
            reading = [self._cluster.submit(read_objects, batch) for batch in batches]
            for batch, done in zip(batches, reading, strict=True):
                ids = {one.id for one in batch.segments} | {one.id for one in batch.files}
                whole |= ids.difference(done.result())
        return whole


def _groups(sizes: Iterable[int]) -> Iterator[slice]:
    """Yield stretches of rows that are about a batch together."""
    start, size, number = 0, 0, 0
    for number, one in enumerate(sizes, start=1):
        size += one
        if size >= _BATCH_BYTES:
            yield slice(start, number)
            start, size = number, 0
    if start < number:
        yield slice(start, number)


def _is_whole(examination: Iterator[int]) -> bool:
    try:
        for _ in examination:
            pass
    except (DamagedObject, StorageUnavailable, ValueError):
        return False
    return True
