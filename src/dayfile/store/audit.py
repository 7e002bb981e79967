"""The audit log: who did what, and when. Rows are only ever added.

A row is added for every link that is given, and hardly ever read: it is small, and has no index but its number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from sqlalchemy import Column, ColumnElement, Connection, Row, func, or_, select

from dayfile.model.credential import Actor
from dayfile.store.dialect import in_batches, insert_columns
from dayfile.store.tables.instance import audit as table

_RECORDED: Final = ("at", "actor", "action", "subject", "address")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One logged action: `actor` (a sid, or `operator`) did `action` to `subject`, from the client `address`.

    It never has a secret or a record's content.
    """

    at: datetime
    actor: str
    action: str
    subject: str  # a sid, or one with more behind it: AC…/Messages/2026-11-01/revision-1
    address: str | None = None  # None: it was done on the instance itself

    @classmethod
    def by(cls, actor: Actor, *, action: str, subject: str, at: datetime) -> Self:
        """Return the deed of an actor."""
        return cls(at=at, actor=actor.name, action=action, subject=subject, address=actor.address)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """A deed as it was recorded, under a number that rises."""

    number: int
    deed: Deed


class Audit:
    """The audit log, within one transaction: in the same commit as what it tells."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, *, actor: Actor, action: str, subject: str, now: datetime) -> None:
        """Record one deed."""
        self.add_all([Deed.by(actor, action=action, subject=subject, at=now)])

    def add_all(self, deeds: Sequence[Deed]) -> None:
        """Record several deeds, in this order."""
        for batch in in_batches(deeds):
            columns = {name: [getattr(one, name) for one in batch] for name in _RECORDED}
            insert_columns(self._connection, table, columns)

    def newest(
        self,
        *,
        before: int | None = None,
        actor: str | None = None,
        subject: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int,
    ) -> list[AuditLine]:
        """Return the newest lines, newest first: below the number `before`, by `actor`, about `subject` or below it.

        Subjects below an account begin with its sid and a slash, and so do actors below `operator`. `since` is
        included, `until` is not.
        """
        query = select(table).order_by(table.c.id.desc()).limit(limit)
        if since is not None:
            query = query.where(table.c.at >= since)
        if until is not None:
            query = query.where(table.c.at < until)
        if before is not None:
            query = query.where(table.c.id < before)
        if actor is not None:
            query = query.where(_is_or_is_below(table.c.actor, actor))
        if subject is not None:
            query = query.where(_is_or_is_below(table.c.subject, subject))
        return [_line(row) for row in self._connection.execute(query)]


def _is_or_is_below(column: Column[str], name: str) -> ColumnElement[bool]:
    below = f"{name}/"
    return or_(column == name, func.substr(column, 1, len(below)) == below)


def _line(row: Row[Any]) -> AuditLine:
    deed = Deed(at=row.at, actor=row.actor, action=row.action, subject=row.subject, address=row.address)
    return AuditLine(number=row.id, deed=deed)
