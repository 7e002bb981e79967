"""The claim of a backup: while it holds, nothing is deleted and no other backup begins."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dayfile.errors import InFlight
from dayfile.store.backups import LEASE
from dayfile.store.database import Database
from tests.support.clock import NOON

A_MOMENT = timedelta(seconds=1)


def test_a_claim_holds_for_whoever_read_the_clock_a_moment_before(database: Database) -> None:
    """A sweep reads the clock, waits for a lock, and finds a claim of since then: it must delete nothing."""
    with database.transaction() as tx:
        tx.backups.claim("first", now=NOON + A_MOMENT)
    with database.snapshot() as tx:
        assert tx.backups.is_running(now=NOON)
    with pytest.raises(InFlight), database.transaction() as tx:
        tx.backups.claim("second", now=NOON)


def test_a_claim_of_a_clock_that_was_far_ahead_holds_nobody_up(database: Database) -> None:
    """The host was a year ahead, and its backup died: deletion would wait for a year."""
    with database.transaction() as tx:
        tx.backups.claim("dead", now=NOON + timedelta(days=365))
    with database.snapshot() as tx:
        assert not tx.backups.is_running(now=NOON)
    with database.transaction() as tx:
        tx.backups.claim("next", now=NOON)


def test_a_claim_ends_with_its_lease(database: Database) -> None:
    """Deletion waits for a backup that has died no longer than is said."""
    with database.transaction() as tx:
        tx.backups.claim("dead", now=NOON)
    with database.snapshot() as tx:
        assert not tx.backups.is_running(now=NOON + LEASE + A_MOMENT)
