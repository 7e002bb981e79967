"""Many rows that are inserted at once: SQLite gets most of them a hundred in a statement."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.export import NewSealedDay
from dayfile.model.resource import MESSAGES
from dayfile.store.database import Database
from tests.support.clock import NOON
from tests.support.sealed import a_sealed_file
from tests.support.state import a_sid

DAY = Day.parse("2026-11-01")
PACK = "sealed/pack"
FIELDS = ("account", "key", "records", "size_bytes", "first_created_at", "last_created_at", "is_incomplete")


def _file(number: int) -> NewSealedDay:
    """A file unlike any other in whatever may differ, in a pack or not."""
    file = a_sealed_file(AccountSid(a_sid("AC", str(number))), MESSAGES, DAY, revision=1, mark=str(number))
    return replace(
        file,
        records=number,
        size_bytes=1000 + number,
        first_created_at=DAY.start + timedelta(seconds=number),
        last_created_at=DAY.start + timedelta(seconds=number, microseconds=1),
        is_incomplete=number % 3 == 0,
        pack_key=PACK if number % 2 else None,
        pack_offset=number * 10 if number % 2 else None,
    )


@pytest.mark.parametrize("count", [1, 99, 100, 101, 350])
def test_every_row_is_there_once_in_the_order_given(database: Database, count: int) -> None:
    """A seal has as many rows as files; those before and after a border of statements are rows like any other."""
    files = [_file(number) for number in range(count)]
    with database.transaction() as tx:
        upload = tx.uploads.begin("sealed/", mark="mark", now=NOON)
        claim = tx.seals.claim(MESSAGES, DAY, worker="w", upload_id=upload, mark="mark", leased_until=NOON, now=NOON)
        assert claim is not None
        packed = [file.size_bytes for file in files if file.pack_key]
        tx.sealed_days.add(claim, files, packs={PACK: sum(packed)}, now=NOON)
        tx.seals.commit(claim, now=NOON)
        found = tx.sealed_days.of_seal(claim.id, after=0, limit=count + 1)
        packs = [(pack.live_files, pack.live_bytes) for pack in tx.packs.all()]
    assert [[getattr(one, field) for field in FIELDS] for one in found] == [
        [getattr(one, field) for field in FIELDS] for one in files
    ]
    assert [one.place.start for one in found] == [one.pack_offset or 0 for one in files]
    assert packs == ([(len(packed), sum(packed))] if packed else [])
