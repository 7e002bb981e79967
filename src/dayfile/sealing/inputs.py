"""The inputs of a seal: its set of segments, the day's current files, and the damages of both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from dayfile.errors import DamagedRow
from dayfile.model.account import AccountSid, is_account_sid, packed_holds, unite_packed
from dayfile.model.damage import Damage, DamageKind, DamageState
from dayfile.model.day import DayRange
from dayfile.model.export import SealedDay
from dayfile.model.seal import SealClaim
from dayfile.model.segment import Segment
from dayfile.objects.layout import sealed_place
from dayfile.sealing.examine import Unsound, UnsoundFile
from dayfile.sealing.piece import FormerFile, Piece, SegmentInput
from dayfile.store.columns import row_name
from dayfile.store.sealed_days import UnreadableDay
from dayfile.store.transaction import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The state of a day while it is being sealed. Its damages are resolved only while no worker seals it."""

    claim: SealClaim
    segments: tuple[Segment, ...]  # of the set, stored as objects
    inline: tuple[Segment, ...]  # of the set, damaged inline segments that could not be compacted
    current: Mapping[AccountSid, SealedDay]
    older: Mapping[
        AccountSid, tuple[SealedDay, ...]
    ]  # of accounts whose file was given up: former revisions, newest first
    damages: tuple[Damage, ...]  # not settled
    waiting_for_files: Mapping[
        AccountSid, str
    ]  # the file's key, of accounts that have lines held for a damaged file; new lines are held, too
    bereft: frozenset[AccountSid]  # have no file, and lost accepted lines
    unreadable: tuple[UnsoundFile, ...] = ()  # rows of files, of which one may be an account's current one

    def left_out(self, unsound: Unsound) -> frozenset[AccountSid]:
        """Return the accounts that this seal leaves out."""
        damaged = (one.former for one in unsound.files if not one.former.is_lost)
        return frozenset(self.waiting_for_files).union(former.account for former in damaged)

    def held_for(self, account: AccountSid, unsound: Unsound) -> str:
        """Return the key of the damaged file for which the lines of a left-out account are held."""
        found = {one.former.account: one.key for one in unsound.files if not one.former.is_lost}
        return found[account] if account in found else self.waiting_for_files[account]

    def misplaced(self) -> tuple[UnsoundFile, ...]:
        """Return the files that are not of the account, type and day that their rows name, for both accounts.

        And those whose rows cannot be read.
        """
        kind, day = self.claim.resource_type.name, self.claim.day
        found = []
        for account, sealed in self.current.items():
            place = sealed_place(sealed.key)
            if place != (account, kind, day):
                owner = place[0] if place and place[1:] == (kind, day) else account
                reason = f"its row names it as the file of {kind} of {day} of {account}"
                former = self._former(sealed, is_lost=False, unreadable=set())
                found += [
                    UnsoundFile(former=replace(former, account=one), key=sealed.key, reason=reason)
                    for one in dict.fromkeys((owner, account))
                ]
        return (*self.unreadable, *found)

    def piece(self, unsound: Unsound, *, unique: str, pack_below: int) -> Piece:
        """Return the piece without its damaged inputs; every key of its objects contains `unique`."""
        left_out = self.left_out(unsound)
        segments = sound_parts(self.segments, unsound)
        touched = unite_packed(segment.accounts for segment in self.segments) if self.current else b""
        lost = {one.account for one in self.damages if _is_given_up(one, self.current)}
        unreadable = {one.key for one in unsound.files}
        formers = (
            self._former(sealed, is_lost=account in lost, unreadable=unreadable)
            for account, sealed in self.current.items()
            if account not in left_out
            and (account in lost or account in unsound.unlisted or packed_holds(touched, account))
        )
        return Piece(
            resource_type=self.claim.resource_type,
            day=self.claim.day,
            segments=segments,
            formers=tuple(formers),
            first_account=None,
            last_account=None,
            unique=unique,
            pack_below=pack_below,
            left_out=left_out,
            bereft=self.bereft - left_out,
        )

    def _former(self, sealed: SealedDay, *, is_lost: bool, unreadable: set[str]) -> FormerFile:
        standing_in: SealedDay | None = sealed
        if is_lost:
            older = self.older.get(sealed.account, ())
            standing_in = next((one for one in older if one.key not in unreadable), None)
        return FormerFile(
            account=sealed.account,
            key=standing_in.key if standing_in else None,
            place=standing_in.place if standing_in else None,
            size_bytes=standing_in.size_bytes if standing_in else 0,
            plain_bytes=standing_in.plain_bytes if standing_in else 0,
            revision=sealed.revision,
            plain_sha256=standing_in.plain_sha256 if standing_in else "",
            is_lost=is_lost,
            is_incomplete=sealed.is_incomplete,
        )


def sound_parts(segments: Iterable[Segment], unsound: Unsound) -> tuple[SegmentInput, ...]:
    """Return the readable parts of segments, all of which must be objects."""
    damaged = {one.id: one for one in unsound.segments}
    return tuple(
        SegmentInput(
            id=segment.id,
            key=_key(segment),
            checksum=segment.checksum,
            records=segment.records,
            plain_bytes=segment.plain_bytes,
            blocks=damaged[segment.id].sound_blocks if segment.id in damaged else segment.blocks,
        )
        for segment in segments
        if segment.id not in damaged or damaged[segment.id].sound_blocks
    )


def read_inputs(tx: Transaction, claim: SealClaim) -> Inputs:
    """Return the state of a claimed day. Its inline segments are those that could not be compacted.

    Raises DamagedRow for a row of a file that leads to no account.
    """
    taken = tx.segments.of_seal(claim.id)
    unreadable: list[UnreadableDay] = []
    current = tx.sealed_days.of_day(claim.resource_type, claim.day, on_unreadable=unreadable.append)
    for nobody in [account for account in current if not is_account_sid(account)]:
        sealed = current.pop(nobody)
        reason = "its row names an account that cannot be one"
        unreadable.append(UnreadableDay(id=sealed.id, account=nobody, key=sealed.key, reason=reason))
    damages = tx.damages.unsettled(claim.resource_type, DayRange(first=claim.day, last=claim.day))
    held = {segment.held_for for segment in tx.segments.held_for([one.id for one in damages])}
    files = [one for one in damages if one.kind is DamageKind.FILE and one.account is not None]
    given_up = [one.account for one in files if one.account and _is_given_up(one, current)]
    lost = unite_packed(one.accounts for one in damages if _is_lost_segment(one))
    bereft = tx.accounts.of_packed(lost) if lost else []
    return Inputs(
        claim=claim,
        segments=tuple(segment for segment in taken if not segment.is_inline),
        inline=tuple(segment for segment in taken if segment.is_inline),
        current=current,
        older={
            account: tuple(tx.sealed_days.former(account, claim.resource_type, claim.day)[1:]) for account in given_up
        },
        damages=tuple(damages),
        waiting_for_files={one.account: one.key for one in files if one.account and one.is_open and one.id in held},
        bereft=frozenset(bereft) - current.keys(),
        unreadable=tuple(_of_unreadable(one) for one in unreadable),
    )


def _of_unreadable(row: UnreadableDay) -> UnsoundFile:
    """Return what keeps the account's lines from being sealed: nobody knows what they are to be added to.

    Raises DamagedRow if it is not even known whose they are: then nobody's may be sealed.
    """
    key = row.key if isinstance(row.key, str) else f"sealed_day {row.id}"
    place = sealed_place(key)
    sid = row.account if is_account_sid(row.account) else place[0] if place else None
    if sid is None:
        raise DamagedRow(f"{row_name('sealed_day', row.id)} in the state database leads to no account")
    former = FormerFile(
        account=AccountSid(str(sid)),
        key=None,
        place=None,
        size_bytes=0,
        plain_bytes=0,
        revision=0,
        plain_sha256="",
        is_lost=False,
        is_incomplete=False,
    )
    return UnsoundFile(former=former, key=key, reason=row.reason)


def _is_given_up(damage: Damage, current: Mapping[AccountSid, SealedDay]) -> bool:
    """Return True if the operator has accepted the loss of the account's current file."""
    if damage.kind is not DamageKind.FILE or damage.state is not DamageState.ACCEPTED or damage.account is None:
        return False
    sealed = current.get(damage.account)
    return sealed is not None and sealed.key == damage.key


def _is_lost_segment(damage: Damage) -> bool:
    return damage.kind is DamageKind.SEGMENT and damage.state is DamageState.ACCEPTED


def _key(segment: Segment) -> str:
    if segment.key is None:
        raise ValueError(f"the segment {segment.id} is inline")
    return segment.key
