"""Repairs: a damage is resolved when its object is sound again, or when the operator accepts its loss.

Either way the held lines wait for the next seal of their day again, in one commit, and that seal settles the damage.
This is done only while no worker seals the day: a running seal would take later lines without the held ones, and
decide ties between equal versions wrongly.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from dayfile.clock import Clock
from dayfile.errors import Conflict, Corrupt, DamagedRow, InFlight, NotFound
from dayfile.files.hashed import Hashed
from dayfile.files.soundness import compare_inline, reason_of
from dayfile.files.storage import Storage
from dayfile.model.account import packed_holds, packed_members, unite_packed
from dayfile.model.credential import Actor
from dayfile.model.damage import Damage, DamageKind, DamageState
from dayfile.model.day import DayRange
from dayfile.model.export import SealedDay
from dayfile.model.segment import UNKNOWN_KIND, SegmentKind
from dayfile.sealing.examine import segment_damage
from dayfile.sealing.former_texts import FormerText, read_former
from dayfile.sealing.piece import SegmentInput
from dayfile.store.database import Database
from dayfile.store.transaction import Transaction

log = structlog.get_logger()

LOOKED_AT_EVERY: Final = timedelta(hours=1)
"""Interval of the checks of damaged objects."""

_AT_ONCE: Final = 20
"""Limit of the checks in one step, since other work waits meanwhile."""

_SEALING_SECONDS: Final = 60


class NotSealedYet(Conflict):
    """A damaged segment that no seal has met yet; a seal would use its sound blocks."""


class Repairs:
    """The periodic check of damaged objects, and the operator's acceptance of their loss."""

    def __init__(
        self, database: Database, storage: Storage, *, clock: Clock, scratch: Path, sweep_delay: timedelta
    ) -> None:
        """Take the parts; objects in remote storage are copied to the `scratch` folder."""
        self._database = database
        self._storage = storage
        self._clock = clock
        self._scratch = scratch
        self._sweep_delay = sweep_delay
        self._after = 0
        self._look_at = clock.monotonic()

    def step(self) -> bool:
        """Check some damaged objects, each once an hour; False if there was none to check.

        If checks fail, raises the first error after all have been made.
        """
        if self._clock.monotonic() < self._look_at:
            return False
        with self._database.snapshot() as tx:
            damages = tx.damages.page(after=self._after, limit=_AT_ONCE)
        if not damages:
            self._after = 0
            self._look_at = self._clock.monotonic() + LOOKED_AT_EVERY.total_seconds()
            return False
        failures: list[Exception] = []
        for damage in damages:
            try:
                self._look(damage)
            except InFlight:
                pass  # the day is being sealed: the next check is soon enough
            except Exception as error:  # noqa: BLE001 - it is raised below, after the other checks
                failures.append(error)
        self._after = damages[-1].id
        if failures:
            raise failures[0]
        return True

    def retry(self, key: str, *, actor: Actor) -> Damage:
        """Check a damaged object now, and return the new state of the damage.

        Raises NotFound if the object has no known damage, InFlight if its day is being sealed.
        """
        with self._database.snapshot() as tx:
            damage = tx.damages.get(key)
        self._look(damage, actor=actor)
        with self._database.snapshot() as tx:
            return tx.damages.get(key)

    def accept(self, key: str, *, actor: Actor) -> Damage:
        """Accept the loss of a damaged object for good, and return the new state of the damage.

        The remaining lines are due to be sealed, and marked as incomplete. An object that is whole again is not lost.

        Raises NotFound if the object has no known damage, NotSealedYet for a segment that no seal has met, InFlight if
        its day is being sealed.
        """
        self.retry(key, actor=actor)  # else it may be lost although it is there
        with self._database.transaction() as tx:
            now = self._clock.now()
            damage = tx.damages.get(key)
            if damage.is_open and damage.settled_at is None:
                self._resolve(tx, damage, DamageState.ACCEPTED, now=now)
                tx.audit.add(actor=actor, action="damage.accepted", subject=key, now=now)
                log.warning("damage.accepted", object=key, **_place(damage))
            return tx.damages.get(key)

    def _look(self, damage: Damage, *, actor: Actor | None = None) -> None:
        if not damage.is_open or damage.settled_at is not None:
            return
        reason = self._reason(damage)
        with self._database.transaction() as tx:
            now = self._clock.now()
            tx.damages.looked_at(damage.id, now=now)
            if reason is not None:
                return
            try:
                self._resolve(tx, damage, DamageState.REPAIRED, now=now)
            except NotFound:
                return  # resolved by another process meanwhile
            if actor is not None:
                tx.audit.add(actor=actor, action="damage.repaired", subject=damage.key, now=now)
        log.info("damage.repaired", object=damage.key, **_place(damage))

    def _reason(self, damage: Damage) -> str | None:
        """Return why the object is still damaged; None if it is sound, or if nothing refers to it any more."""
        return self._file_reason(damage) if damage.kind is DamageKind.FILE else self._segment_reason(damage)

    def _file_reason(self, damage: Damage) -> str | None:
        if damage.account is None:
            return None
        with self._database.snapshot() as tx:
            try:
                sealed = tx.sealed_days.find_by_key(damage.key, damage.account, damage.resource_type, damage.day)
            except DamagedRow as error:
                return error.reason
            is_held = bool(tx.segments.held_for([damage.id]))
        if sealed is None:
            # Lines are held for this file, and without its row it is unknown what to add them to.
            return "its row is gone" if is_held else None
        return reason_of(lambda: _read(sealed, self._storage))

    def _segment_reason(self, damage: Damage) -> str | None:
        with self._database.snapshot() as tx:
            segment = tx.segments.find_damaged(damage.key)
            data = tx.segments.inline([segment.id]) if segment and segment.is_inline else {}
        if segment is None:
            return None
        if segment.kind is SegmentKind.UNKNOWN:
            return UNKNOWN_KIND
        if segment.key is None:
            return reason_of(lambda: compare_inline(data.get(segment.id), checksum=segment.checksum))
        part = SegmentInput(id=segment.id, key=segment.key, checksum=segment.checksum, blocks=segment.blocks)
        found = segment_damage(part, storage=self._storage, scratch=self._scratch)
        return None if found is None else found.reason

    def _resolve(self, tx: Transaction, damage: Damage, state: DamageState, *, now: datetime) -> None:
        if not tx.seals.is_free(damage.resource_type, damage.day, now=now):
            raise InFlight(
                f"{damage.resource_type} of {damage.day} is being sealed right now: try again when it is done",
                retry_after=_SEALING_SECONDS,
            )
        tx.damages.resolve(damage.id, state, now=now)
        needs_seal = state is DamageState.ACCEPTED and self._lose(tx, damage, now=now)
        heir = _heir(tx, damage)
        if heir is not None:
            tx.damages.concern(heir.id, unite_packed([heir.accounts, damage.accounts]))
        released = tx.segments.release(damage.id, to=heir.id if heir else None)
        if not needs_seal and (heir is not None or not released):
            tx.damages.settle([damage.id], now=now)

    def _lose(self, tx: Transaction, damage: Damage, *, now: datetime) -> bool:
        """Give up an object; return True if the day must be sealed for that."""
        current = tx.sealed_days.of_day(damage.resource_type, damage.day)
        if damage.kind is DamageKind.FILE:
            sealed = current.get(damage.account) if damage.account else None
            return sealed is not None and sealed.key == damage.key
        segment = tx.segments.find_damaged(damage.key)
        if segment is not None and segment.held_for != damage.id:
            raise NotSealedYet(
                f"{damage.key} waits to be sealed, and what is sound of it will be used: "
                f"run `dayfile seal {damage.resource_type} {damage.day}` first"
            )
        if segment is not None:
            tx.uploads.discard(tx.segments.remove(segment.id), now=now, delete_after=now + self._sweep_delay)
        touched = [sealed.id for account, sealed in current.items() if packed_holds(damage.accounts, account)]
        tx.sealed_days.mark_incomplete(touched)
        return True


def _heir(tx: Transaction, damage: Damage) -> Damage | None:
    """Return a damage that must hold these lines next, as its segment has lines of their accounts too; or None."""
    if damage.kind is not DamageKind.SEGMENT:
        return None
    mine = packed_members(damage.accounts)
    others = tx.damages.unsettled(damage.resource_type, DayRange(first=damage.day, last=damage.day))
    return next(
        (
            one
            for one in others
            if one.id != damage.id
            and one.kind is DamageKind.SEGMENT
            and one.is_open
            and tx.segments.held_for([one.id])
            and mine & packed_members(one.accounts)
        ),
        None,
    )


def _read(sealed: SealedDay, storage: Storage) -> None:
    """Read a file to its end; raises NotFound, or Corrupt if the file or its text does not match its manifest."""
    text = FormerText(
        key=sealed.key, place=sealed.place, size_bytes=sealed.size_bytes, plain_sha256=sealed.plain_sha256
    )
    sha256 = Hashed(text.read(storage)).to_the_end()
    if sha256 != sealed.sha256:
        raise Corrupt(f"its SHA-256 is {sha256} and should be {sealed.sha256}")
    read_former(text, storage)


def _place(damage: Damage) -> dict[str, str]:
    return {"resource_type": damage.resource_type.name, "day": str(damage.day), "account": damage.account or ""}
