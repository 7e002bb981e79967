"""Damages: objects that differ from their rows, and the accounts concerned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from dayfile.model.account import AccountSid, pack_accounts, packed_holds
from dayfile.model.day import Day
from dayfile.model.resource import ResourceType
from dayfile.model.segment import Segment

INLINE_SEGMENTS = "inline/segment-"
"""A damage of an inline segment has no object: its key is this and the id of the segment."""


class DamageKind(Enum):
    """Kind of a damaged object."""

    FILE = "file"  # the sealed file of one account
    SEGMENT = "segment"  # accepted lines that wait to be sealed


class DamageState(Enum):
    """The state of a damage."""

    OPEN = "open"  # nothing: what is held for it waits
    REPAIRED = "repaired"  # the object is again what its row says
    ACCEPTED = "accepted"  # the operator gave it up


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDamage:
    """A damage about to be recorded."""

    key: str  # of the object
    kind: DamageKind
    account: AccountSid | None  # whose file it is; None for a segment
    accounts: bytes  # packed: who may have lines in what is damaged
    resource_type: ResourceType
    day: Day
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A recorded damage. It is settled when nothing is held or to be sealed for it any more."""

    id: int
    key: str
    kind: DamageKind
    account: AccountSid | None
    accounts: bytes
    resource_type: ResourceType
    day: Day
    reason: str
    state: DamageState
    found_at: datetime
    looked_at: datetime  # when the object was last looked at
    resolved_at: datetime | None  # when it was repaired or accepted
    settled_at: datetime | None

    @property
    def is_open(self) -> bool:
        """True if it was neither repaired nor accepted yet."""
        return self.state is DamageState.OPEN

    @property
    def to_do(self) -> str:
        """The instruction for the operator, as a sentence without its full stop."""
        if not self.is_open:
            return "nothing: the day will be sealed with what there is"
        return (
            "restore the object from a backup and run `dayfile damage retry`, or do without it: "
            f"`dayfile damage accept {self.key}`"
        )

    @property
    def why(self) -> str:
        """The reason why a day cannot be published, worded for the owner of the account and the operator."""
        what = "the file of the day" if self.kind is DamageKind.FILE else "records of the day"
        return f"{what} cannot be read at present, and the operator of this server must see to it: {self.key}"

    def blocks(self, account: AccountSid, current_key: str | None) -> bool:
        """Return True if the account's day must not be published; `current_key` is that of its newest revision."""
        if self.settled_at is not None:
            return False
        if self.kind is DamageKind.FILE:
            # Without a newest revision there should be one: the row of this file names another account.
            return self.key == current_key or (account == self.account and current_key is None)
        return packed_holds(self.accounts, account)


def inline_key(segment_id: int) -> str:
    """Return the key of the damage of an inline segment, which has no object."""
    return f"{INLINE_SEGMENTS}{segment_id}"


def damaged_segment(segment: Segment, *, accounts: bytes | None, reason: str) -> FoundDamage:
    """Return the damage of a segment; `accounts` (packed) are those of its accounts that it concerns, None: all."""
    return FoundDamage(
        key=segment.key or inline_key(segment.id),
        kind=DamageKind.SEGMENT,
        account=None,
        accounts=segment.accounts if accounts is None else accounts,
        resource_type=segment.resource_type,
        day=segment.day,
        reason=reason,
    )


def damaged_file(key: str, account: AccountSid, resource_type: ResourceType, day: Day, *, reason: str) -> FoundDamage:
    """Return the damage of an account's sealed file."""
    return FoundDamage(
        key=key,
        kind=DamageKind.FILE,
        account=account,
        accounts=pack_accounts([account]),
        resource_type=resource_type,
        day=day,
        reason=reason,
    )


def first_that_blocks(
    damages: Iterable[Damage], account: AccountSid, day: Day, current_key: str | None
) -> Damage | None:
    """Return the first damage that keeps an account's day from being published, of damages of one resource type."""
    return next((one for one in damages if one.day == day and one.blocks(account, current_key)), None)
