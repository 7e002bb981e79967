"""The record of damages: a reader that finds an object damaged records it here, once, and in the log."""

from __future__ import annotations

import structlog

from dayfile.clock import Clock
from dayfile.errors import DamagedRow, Transient
from dayfile.model.damage import Damage, DamageKind, DamageState, FoundDamage, damaged_file
from dayfile.model.export import SealedDay
from dayfile.model.segment import Segment
from dayfile.store.database import Database
from dayfile.store.transaction import Transaction

_log = structlog.get_logger()


class DamageRecord:
    """A record of damages as they are found. Safe to use from several threads."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def add_file(self, sealed: SealedDay, reason: str) -> bool:
        """Record that a sealed file is damaged; False if there is no such sealed day any more, which is no damage.

        Raises nothing for a database that cannot be written now: the log has it, and who reads the file next finds it.
        """
        found = damaged_file(sealed.key, sealed.account, sealed.resource_type, sealed.day, reason=reason)
        return self._add(found, sealed_day_id=sealed.id, segment_id=None)

    def add_segment(self, segment: Segment, reason: str) -> bool:
        """Record that the object of a waiting segment is damaged; False if it does not wait any more.

        Raises ValueError for an inline segment, and nothing for a database that cannot be written now.
        """
        if segment.key is None:
            raise ValueError(f"the segment {segment.id} has no object")
        found = FoundDamage(
            key=segment.key,
            kind=DamageKind.SEGMENT,
            account=None,
            accounts=segment.accounts,
            resource_type=segment.resource_type,
            day=segment.day,
            reason=reason,
        )
        return self._add(found, sealed_day_id=None, segment_id=segment.id)

    def _add(self, found: FoundDamage, *, sealed_day_id: int | None, segment_id: int | None) -> bool:
        try:
            with self._database.transaction() as tx:
                if not _is_referred_to(tx, sealed_day_id=sealed_day_id, segment_id=segment_id):
                    return False
                known = _known(tx, found.key)
                if known is not None and known.state is DamageState.ACCEPTED:
                    return True
                tx.damages.record(found, now=self._clock.now())
        except Transient as error:
            known = None
            _log.warning("damage.unrecorded", object=found.key, reason=str(error))
        if known is None or not known.is_open:
            _log.error(
                "damage.found",
                object=found.key,
                account=found.account,
                resource_type=found.resource_type.name,
                day=str(found.day),
                reason=found.reason,
                to_do="restore the object from a backup; `dayfile damage list` says what waits for it",
            )
        return True


def _known(tx: Transaction, key: str) -> Damage | None:
    try:
        return tx.damages.find(key)
    except DamagedRow:
        return None  # it is set right, as what is found now


def _is_referred_to(tx: Transaction, *, sealed_day_id: int | None, segment_id: int | None) -> bool:
    if sealed_day_id is not None:
        return sealed_day_id in tx.sealed_days.of_ids([sealed_day_id])
    return segment_id is not None and tx.segments.exists(segment_id)
