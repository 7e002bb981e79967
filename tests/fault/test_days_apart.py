"""A day that cannot be sealed now keeps no other day from being sealed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from dayfile.errors import StorageUnavailable
from dayfile.model.seal import SealClaim
from dayfile.sealing.seal import Sealing, SealOutcome
from tests.support.records import Sent
from tests.support.state import an_account
from tests.support.world import World

BAD, GOOD = "2026-11-01", "2026-11-02"


class _BadDisk(Sealing):
    """Cannot read what one of the days is made of."""

    def seal(self, claim: SealClaim) -> SealOutcome:
        """Seal any other day."""
        if str(claim.day) == BAD:
            raise StorageUnavailable("a block of the disk cannot be read")
        return super().seal(claim)


def _messages(account: str) -> Iterator[Sent]:
    for day in (BAD, GOOD):
        yield Sent(account=account, name=day, created=f"{day}T10:00:00Z", updated=f"{day}T10:00:01Z")


def test_a_day_whose_storage_cannot_be_read_rests_while_the_others_are_sealed(tmp_path: Path) -> None:
    """It was the first that is due in every tick, and no later one was sealed as long as it could not be read."""
    world = World(tmp_path)
    account = an_account(world.database).sid
    world.accept(list(_messages(account)))
    world.clock.pass_by(timedelta(minutes=11))
    world.sealing.__class__ = _BadDisk
    world.work()
    assert (world.sealed(account, BAD) is None, world.sealed(account, GOOD) is None) == (True, False)
    world.sealing.__class__ = Sealing
    world.work()
    assert world.sealed(account, BAD) is None, "it rests"
    world.clock.pass_by(timedelta(seconds=30))
    world.work()
    assert world.sealed(account, BAD) is not None
    world.close()
