"""A host that freezes between its put and its commit, for longer than anybody waits, while the sweep runs elsewhere."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from dayfile.errors import LostClaim, Transient
from dayfile.model.account import Account
from dayfile.model.day import Day
from dayfile.model.resource import MESSAGES
from tests.support.records import Sent
from tests.support.state import a_sid, an_account
from tests.support.world import STALE_AFTER, World

DAY = "2026-11-01"


class Frozen:
    """A process that will freeze after a put, beside another of the same instance."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.elsewhere = World(folder, clock=self.world.clock, process=2)
        self.account: Account = an_account(self.world.database)

    def batch(self, *, lines: int = 200) -> list[Sent]:
        """Enough of what does not compress to need an object."""
        return [
            Sent(
                account=self.account.sid,
                name=f"m{n}",
                created=f"{DAY}T10:00:00Z",
                updated=f"{DAY}T10:00:01Z",
                body="".join(a_sid("", f"{n} {part}") for part in range(20)),
            )
            for n in range(lines)
        ]

    def sweep_elsewhere(self) -> None:
        """Hours pass, and the other process sweeps."""
        self.world.clock.pass_by(STALE_AFTER + timedelta(seconds=1))
        while self.elsewhere.sweep.step():
            pass

    def close(self) -> None:
        """Let go of both."""
        self.world.close()
        self.elsewhere.close()


@pytest.fixture
def frozen(tmp_path: Path) -> Frozen:
    """Two processes of one instance."""
    return Frozen(tmp_path)


def test_intake_that_froze_is_not_acknowledged_and_not_half_there(frozen: Frozen) -> None:
    """Its object was swept: a segment row without an object would be a lost record with a receipt."""
    frozen.world.storage.after_put = frozen.sweep_elsewhere
    with pytest.raises(Transient, match="send it again"):
        frozen.world.accept(frozen.batch())
    assert frozen.world.stored_keys() == frozen.world.referred_keys() == set()
    frozen.world.accept(frozen.batch())
    frozen.world.seal(DAY)
    assert len(frozen.world.records(frozen.account.sid, DAY)) == 200
    assert frozen.world.findings() == []
    frozen.close()


def test_a_seal_that_froze_changes_nothing(frozen: Frozen) -> None:
    """Another worker has sealed the day meanwhile; the files of the frozen one count for nothing, and go."""
    frozen.world.accept(frozen.batch())

    def meanwhile() -> None:
        frozen.sweep_elsewhere()
        frozen.elsewhere.seal(DAY)

    claim = frozen.world.sealing.claim(MESSAGES, Day.parse(DAY), worker="frozen")
    assert claim is not None
    frozen.world.storage.after_put = meanwhile
    with pytest.raises(LostClaim):
        frozen.world.sealing.seal(claim)
    assert len(frozen.world.records(frozen.account.sid, DAY)) == 200
    for _ in range(3):
        frozen.sweep_elsewhere()
    assert frozen.world.findings() == []
    assert frozen.world.stored_keys() == frozen.world.referred_keys()
    frozen.close()


def test_a_straggler_put_after_the_sweep_is_swept_the_second_time(frozen: Frozen) -> None:
    """Frozen before its put, not after it: when it wakes up, its ledger entry is garbage already."""
    database, storage = frozen.world.database, frozen.world.objects
    with database.transaction() as tx:
        tx.uploads.begin("segments/straggler", now=frozen.world.clock.now())
    frozen.sweep_elsewhere()
    storage.put("segments/straggler", [b"too late"])
    frozen.sweep_elsewhere()
    assert frozen.world.stored_keys() == set()
    frozen.close()
