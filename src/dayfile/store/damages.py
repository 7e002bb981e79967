"""Rows of damages: objects that differ from their rows, one row each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, or_, select, update

from dayfile.errors import DamagedRow, NotFound
from dayfile.model.account import AccountSid, pack_accounts
from dayfile.model.damage import Damage, DamageKind, DamageState, FoundDamage
from dayfile.model.day import Day, DayRange
from dayfile.model.resource import ResourceType
from dayfile.store.columns import EPOCH, read_choice, read_day, read_type
from dayfile.store.dialect import in_batches
from dayfile.store.prepared import Prepared
from dayfile.store.sound_rows import sound_rows
from dayfile.store.tables.sealing import damage as table


class Damages:
    """The damages, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, found: FoundDamage, *, now: datetime, again: bool = False) -> int:
        """Record a damage and return its id. One that is open or accepted is unchanged, a repaired one opens again."""
        try:
            was = self.find(found.key)
        except DamagedRow:
            return self._record_anew(found, now=now)
        if was is not None and (was.is_open if again else was.state is not DamageState.REPAIRED):
            return was.id
        values = _opened(found, now)
        if was is not None:
            self._connection.execute(update(table).where(table.c.id == was.id).values(values))
            return was.id
        statement = insert(table).values(object_key=found.key, **values).returning(table.c.id)
        return int(self._connection.execute(statement).scalar_one())

    def _record_anew(self, found: FoundDamage, *, now: datetime) -> int:
        """Set a row right that cannot be read: what it is to say was found out again."""
        of_key = table.c.object_key == found.key
        self._connection.execute(update(table).where(of_key).values(_opened(found, now)))
        return int(self._connection.execute(select(table.c.id).where(of_key)).scalar_one())

    def get(self, key: str) -> Damage:
        """Return the damage of an object; raises NotFound."""
        found = self.find(key)
        if found is None:
            raise NotFound(f"no damage of {key} is known: `dayfile damage list` shows those that are")
        return found

    def find(self, key: str) -> Damage | None:
        """Return the damage of an object, settled or not; None if it was never damaged."""
        row = self._connection.execute(select(table).where(table.c.object_key == key)).one_or_none()
        return None if row is None else _damage(row)

    def page(self, *, after: int = 0, limit: int, settled: bool = False) -> list[Damage]:
        """Return damages in the order in which they were first found, after an id; with `settled`, the settled, too."""
        query = select(table).where(table.c.id > after)
        if not settled:
            query = query.where(table.c.settled_at.is_(None))
        return self._all(query.order_by(table.c.id).limit(limit))

    def count(self) -> int:
        """Return the number of damages that are not settled."""
        query = select(func.count()).select_from(table).where(table.c.settled_at.is_(None))
        return self._connection.execute(query).scalar_one()

    def unsettled(self, resource_type: ResourceType, days: DayRange) -> list[Damage]:
        """Return the damages of some days that are not settled, in the order of their ids."""
        asked = {"resource_type": resource_type.name, "first": days.first, "last": days.last}
        try:
            return [_damage(row) for row in _UNSETTLED.rows(self._connection, **asked)]
        except DamagedRow:
            return self._with_unreadable(resource_type, days, asked)

    def of_keys(self, keys: Collection[str]) -> dict[str, Damage]:
        """Return the damages of some objects, settled or not, by their keys."""
        found: dict[str, Damage] = {}
        for batch in in_batches(keys):
            query = select(table).where(table.c.object_key.in_(batch))
            found |= {damage.key: damage for damage in self._all(query)}
        return found

    def known_among(self, keys: Collection[str]) -> set[str]:
        """Return the given object keys that have a damage which is not settled, or which was accepted."""
        known = or_(table.c.settled_at.is_(None), table.c.state == DamageState.ACCEPTED.value)
        found: set[str] = set()
        for batch in in_batches(keys):
            query = select(table.c.object_key).where(table.c.object_key.in_(batch), known)
            found.update(self._connection.execute(query).scalars())
        return found

    def days_to_settle(self) -> list[tuple[ResourceType, Day]]:
        """Return the days to be sealed because a damage of theirs is resolved, oldest first."""
        query = select(table.c.resource_type, table.c.day).where(
            table.c.settled_at.is_(None), table.c.state != DamageState.OPEN.value
        )
        query = query.distinct().order_by(table.c.day, table.c.resource_type)
        return sound_rows(
            self._connection, query, lambda row: (read_type(row.resource_type, "damage", row.day), row.day)
        )

    def looked_at(self, damage_id: int, *, now: datetime) -> None:
        """Record that the object was looked at again."""
        self._connection.execute(update(table).where(table.c.id == damage_id).values(looked_at=now))

    def concern(self, damage_id: int, accounts: bytes) -> None:
        """Record that a damage concerns these accounts (packed), and no others."""
        self._connection.execute(update(table).where(table.c.id == damage_id).values(accounts=accounts))

    def resolve(self, damage_id: int, state: DamageState, *, now: datetime) -> None:
        """Record that an open damage was repaired or accepted; raises NotFound if it is not open any more."""
        is_open = table.c.id == damage_id, table.c.state == DamageState.OPEN.value, table.c.settled_at.is_(None)
        statement = update(table).where(*is_open).values(state=state.value, resolved_at=now)
        if self._connection.execute(statement).rowcount != 1:
            raise NotFound("the damage is not open any more: `dayfile damage list` shows those that are")

    def settle(self, damage_ids: Sequence[int], *, now: datetime) -> None:
        """Settle damages for which nothing is held or to be sealed any more; settled ones stay as they are."""
        for batch in in_batches(damage_ids):
            unsettled = table.c.id.in_(batch), table.c.settled_at.is_(None)
            self._connection.execute(update(table).where(*unsettled).values(settled_at=now))

    def forget_objects(self, keys: Collection[str]) -> None:
        """Delete the damages of objects that are no longer used."""
        for batch in in_batches(keys):
            self._connection.execute(delete(table).where(table.c.object_key.in_(batch)))

    def forget(self, *, settled_before: datetime, limit: int) -> int:
        """Delete damages that were settled before then, and return their number."""
        old = select(table.c.id).where(table.c.settled_at < settled_before).limit(limit)
        return self._connection.execute(delete(table).where(table.c.id.in_(old))).rowcount

    def _all(self, query: Any) -> list[Damage]:
        """Return damages; those whose rows cannot be read are left out."""
        return sound_rows(self._connection, query, _damage)

    def _with_unreadable(self, resource_type: ResourceType, days: DayRange, asked: dict[str, Any]) -> list[Damage]:
        """Return unsettled damages; one whose row cannot be read is open, and concerns whom it names."""
        unreadable: list[Damage] = []

        def stand_in(row: Any, error: DamagedRow) -> None:
            unreadable.append(_unreadable(row, resource_type, days.first, error))

        found = sound_rows(self._connection, _UNSETTLED_ONES, _damage, on_refused=stand_in, **asked)
        return sorted((*unreadable, *found), key=attrgetter("id"))


_UNSETTLED_ONES: Final = (
    select(table)
    .where(
        table.c.settled_at.is_(None),
        table.c.resource_type == bindparam("resource_type"),
        table.c.day.between(bindparam("first"), bindparam("last")),
    )
    .order_by(table.c.id)
)
_UNSETTLED: Final = Prepared(_UNSETTLED_ONES)


def _opened(found: FoundDamage, now: datetime) -> dict[str, Any]:
    return {
        "kind": found.kind.value,
        "account": found.account,
        "accounts": found.accounts,
        "resource_type": found.resource_type.name,
        "day": found.day,
        "reason": found.reason,
        "state": DamageState.OPEN.value,
        "found_at": now,
        "looked_at": now,
        "resolved_at": None,
        "settled_at": None,
    }


def _unreadable(row: Any, resource_type: ResourceType, day: Day, error: DamagedRow) -> Damage:
    account = AccountSid(row.account) if isinstance(row.account, str) else None
    packed = row.accounts if isinstance(row.accounts, bytes) else pack_accounts([account] if account else [])
    with suppress(DamagedRow):
        day = read_day(row.day)
    return Damage(
        id=row.id,
        key=row.object_key if isinstance(row.object_key, str) else f"damage {row.id}",
        kind=DamageKind.SEGMENT if account is None else DamageKind.FILE,
        account=account,
        accounts=packed,
        resource_type=resource_type,
        day=day,
        reason=error.reason,
        state=DamageState.OPEN,
        found_at=EPOCH,
        looked_at=EPOCH,
        resolved_at=None,
        settled_at=None,
    )


def _damage(row: Row[Any]) -> Damage:
    return Damage(
        id=row.id,
        key=row.object_key,
        kind=read_choice(DamageKind, row.kind, "damage", row.id),
        account=row.account,
        accounts=row.accounts,
        resource_type=read_type(row.resource_type, "damage", row.id),
        day=row.day,
        reason=row.reason,
        state=read_choice(DamageState, row.state, "damage", row.id),
        found_at=row.found_at,
        looked_at=row.looked_at,
        resolved_at=row.resolved_at,
        settled_at=row.settled_at,
    )
