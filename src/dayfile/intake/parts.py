"""Writes segments: small ones stay in memory to ride along in the commit, the others become pending objects."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from dayfile.clock import Clock
from dayfile.errors import Transient
from dayfile.files import segments
from dayfile.files.storage import Storage
from dayfile.intake.batch import Part
from dayfile.intake.sorting import DayLines
from dayfile.model.account import pack_accounts
from dayfile.model.day import Day
from dayfile.model.resource import ResourceType
from dayfile.model.secret import Randomness
from dayfile.model.segment import INLINE_LIMIT_BYTES, NewSegment, SegmentKind
from dayfile.store.database import Database

_UNIQUE_DIGITS = 32
_LIKELY_RATIO = 8  # records are seldom compressed to less than an eighth: of more text, inline is not even tried


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    segment: NewSegment
    content: bytes | None  # of the object to be; None when inline


class PartWriter:
    """Turns lines into segments that only wait for their commit. Safe to use from several threads."""

    def __init__(self, database: Database, storage: Storage, *, clock: Clock, randomness: Randomness) -> None:
        self._database = database
        self._storage = storage
        self._clock = clock
        self._randomness = randomness

    def write(self, days: Iterable[DayLines]) -> list[Part]:
        """A segment for each of them, its object durable and pending in the ledger if it has one.

        Raises StorageUnavailable or DatabaseUnavailable; then everything written here is given up.
        """
        drafts = [self._draft(day) for day in days]
        objects = {draft.segment.key: draft.content for draft in drafts if draft.segment.key and draft.content}
        upload_ids = self._put(objects) if objects else {}
        return [
            Part(segment=draft.segment, upload_id=upload_ids[draft.segment.key] if draft.segment.key else None)
            for draft in drafts
        ]

    def give_up(self, parts: Sequence[Part]) -> None:
        """Leave the objects of parts that will not be committed to the sweep, at once if the database lets us.

        If it does not, the sweep finds them by itself, later.
        """
        upload_ids = [part.upload_id for part in parts if part.upload_id is not None]
        if upload_ids:
            self._give_up(upload_ids)

    def _draft(self, day: DayLines) -> _Draft:
        inline = _inline(day)
        content = None if inline is not None else segments.encode(day.lines, day.resource_type)
        segment = NewSegment(
            resource_type=day.resource_type,
            day=day.day,
            kind=SegmentKind.FULL,
            key=None if content is None else segment_key(day.resource_type, day.day, self._randomness),
            inline=inline,
            records=len(day.lines),
            plain_bytes=day.plain_bytes,
            stored_bytes=len(inline or content or b""),
            accounts=pack_accounts(day.accounts),
        )
        return _Draft(segment=segment, content=content)

    def _put(self, objects: Mapping[str, bytes]) -> dict[str, int]:
        """Announce objects and put them; the ids of their ledger entries."""
        now = self._clock.now()
        with self._database.transaction() as tx:
            upload_ids = {key: tx.uploads.begin(key, now=now) for key in objects}
        try:
            self._storage.put_many(objects.items())
        except BaseException:
            self._give_up(upload_ids.values())
            raise
        return upload_ids

    def _give_up(self, upload_ids: Collection[int]) -> None:
        with suppress(Transient), self._database.transaction() as tx:
            tx.uploads.give_up(list(upload_ids), now=self._clock.now())


def segment_key(resource_type: ResourceType, day: Day, randomness: Randomness) -> str:
    """A key for the object of a segment, unlike any other."""
    return f"segments/type={resource_type.name}/day={day}/{randomness.hex(_UNIQUE_DIGITS)}.parquet"


def _inline(day: DayLines) -> bytes | None:
    """The lines in the form that rides along in the state database, if that is small enough."""
    if day.plain_bytes > INLINE_LIMIT_BYTES * _LIKELY_RATIO:
        return None
    inline = segments.encode_inline(day.lines)
    return inline if len(inline) <= INLINE_LIMIT_BYTES else None
