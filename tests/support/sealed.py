"""Sealed days that are rows only, for tests that never open a file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.export import NewSealedDay
from dayfile.model.resource import MESSAGES, ResourceType
from dayfile.store.database import Database
from tests.support.clock import NOON


def sealed_days(
    database: Database,
    account: AccountSid,
    days: Sequence[Day],
    *,
    resource_type: ResourceType = MESSAGES,
    revision: int = 1,
    now: datetime = NOON,
) -> None:
    """Seal days with one record each for one account; what waited for them is sealed with them."""
    for day in days:
        with database.transaction() as tx:
            upload = tx.uploads.begin("sealed/", mark="mark", now=now)
            claim = tx.seals.claim(
                resource_type,
                day,
                worker="sealer",
                upload_id=upload,
                mark="mark",
                leased_until=now + timedelta(minutes=1),
                now=now,
            )
            assert claim is not None
            tx.segments.take(claim.id, resource_type, day)
            tx.sealed_days.add(claim, [a_sealed_file(account, resource_type, day, revision=revision)], now=now)
            tx.seals.commit(claim, now=now)
            tx.segments.remove_of_seal(claim.id)
            tx.uploads.go_live([upload], now=now)


def a_sealed_file(
    account: AccountSid, resource_type: ResourceType, day: Day, *, revision: int, mark: str = "mark"
) -> NewSealedDay:
    """A new file of one account, of which there are no bytes."""
    return NewSealedDay(
        account=account,
        revision=revision,
        key=f"sealed/type={resource_type.name}/day={day}/account={account}/revision-{revision}-{mark}.json.gz",
        records=1,
        size_bytes=100,
        plain_bytes=400,
        sha256="a" * 64,
        plain_sha256="b" * 64,
        encoder="test",
        first_created_at=day.start,
        last_created_at=day.start,
    )
