"""Damages: one row an object, whoever finds it and however often, until nothing waits for it any more."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from dayfile.errors import NotFound
from dayfile.model.account import AccountSid, pack_accounts
from dayfile.model.damage import Damage, DamageKind, DamageState, damaged_file, first_that_blocks
from dayfile.model.day import Day, DayRange
from dayfile.model.resource import CALLS, MESSAGES
from dayfile.store.database import Database
from tests.support.clock import NOON
from tests.support.state import a_sid

ACME, OTHER = AccountSid(a_sid("AC", "acme")), AccountSid(a_sid("AC", "other"))
DAY = Day.parse("2026-11-01")
LATER = NOON + timedelta(hours=2)
FILE = damaged_file("sealed/acme", ACME, MESSAGES, DAY, reason="a byte has changed")
SEGMENT = replace(FILE, key="segments/one", kind=DamageKind.SEGMENT, account=None)


def _recorded(database: Database) -> Damage:
    with database.transaction() as tx:
        tx.damages.record(FILE, now=NOON)
        return tx.damages.get(FILE.key)


def test_a_damage_that_is_found_again_stays_what_it_was(database: Database) -> None:
    """A download, a seal and a check may all find it; the first says since when."""
    first = _recorded(database)
    with database.transaction() as tx:
        assert tx.damages.record(replace(FILE, reason="another"), now=LATER) == first.id
        assert tx.damages.page(limit=10) == [first]
        assert (first.reason, first.found_at, first.is_open) == (FILE.reason, NOON, True)


def test_a_damage_that_was_settled_may_come_again(database: Database) -> None:
    """A disk that fails once fails again."""
    first = _recorded(database)
    with database.transaction() as tx:
        tx.damages.resolve(first.id, DamageState.REPAIRED, now=LATER)
        assert tx.damages.days_to_settle() == [(MESSAGES, DAY)]
        tx.damages.settle([first.id], now=LATER)
        assert (tx.damages.page(limit=10), tx.damages.days_to_settle()) == ([], [])
        assert [one.id for one in tx.damages.page(limit=10, settled=True)] == [first.id]
        tx.damages.record(FILE, now=LATER)
        again = tx.damages.get(FILE.key)
        assert (again.id, again.found_at, again.state) == (first.id, LATER, DamageState.OPEN)


def test_a_damage_is_resolved_once(database: Database) -> None:
    """A worker that looks and an operator who accepts meet."""
    damage = _recorded(database)
    with database.transaction() as tx:
        tx.damages.resolve(damage.id, DamageState.ACCEPTED, now=LATER)
        with pytest.raises(NotFound, match="not open"):
            tx.damages.resolve(damage.id, DamageState.REPAIRED, now=LATER)
    with database.snapshot() as tx, pytest.raises(NotFound, match="sealed/none"):
        tx.damages.get("sealed/none")


def test_what_the_operator_has_accepted_is_not_found_again(database: Database) -> None:
    """A download of the old file finds it as damaged as it was: that is known, and settled."""
    first = _recorded(database)
    with database.transaction() as tx:
        tx.damages.resolve(first.id, DamageState.ACCEPTED, now=LATER)
        tx.damages.settle([first.id], now=LATER)
        tx.damages.record(FILE, now=LATER)
        assert (tx.damages.get(FILE.key).state, tx.damages.count()) == (DamageState.ACCEPTED, 0)


def test_a_damage_keeps_back_what_it_concerns_and_nothing_else(database: Database) -> None:
    """A file that was superseded, another account, another day, another type: all of these are served."""
    with database.transaction() as tx:
        tx.damages.record(FILE, now=NOON)
        tx.damages.record(replace(SEGMENT, accounts=pack_accounts([OTHER])), now=NOON)
        of_day = tx.damages.unsettled(MESSAGES, DayRange(first=DAY, last=DAY))
        assert tx.damages.unsettled(CALLS, DayRange(first=DAY, last=DAY)) == []
        assert tx.damages.unsettled(MESSAGES, DayRange(first=DAY + 1, last=DAY + 9)) == []
    assert first_that_blocks(of_day, ACME, DAY, FILE.key) == of_day[0]
    assert first_that_blocks(of_day, ACME, DAY, "sealed/newer") is None
    assert first_that_blocks(of_day, ACME, DAY + 1, FILE.key) is None
    assert first_that_blocks(of_day, OTHER, DAY, "sealed/other") == of_day[1]


def test_what_was_settled_long_ago_is_forgotten(database: Database) -> None:
    """The list does not grow for ever; what is open stays on it."""
    damage = _recorded(database)
    with database.transaction() as tx:
        assert tx.damages.forget(settled_before=LATER, limit=10) == 0
        tx.damages.settle([damage.id], now=NOON)
        assert tx.damages.forget(settled_before=LATER, limit=10) == 1
        assert tx.damages.find(FILE.key) is None
