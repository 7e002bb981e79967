"""A day that is sealed twice, with enough text of each account to be cut between any two of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from dayfile.errors import EngineUnavailable
from dayfile.model.account import AccountSid
from tests.support.damaged_day import noise
from tests.support.records import Sent
from tests.support.state import an_account
from tests.support.world import STALE_AFTER, World

DAY = "2026-11-01"
NAMES = ("acme", "other", "third", "fourth")
CUT_BYTES = 1_000_000
"""A size of pieces that makes several of the day."""

_RECORDS = 250


def sealed_twice(world: World, *, seal: Callable[[World], None] | None = None) -> dict[AccountSid, tuple[int, str]]:
    """Seal records of several accounts, then late ones of some; the revision and the hash of the text of each."""
    seal = seal or (lambda world: world.seal(DAY))
    accounts = [an_account(world.database, name).sid for name in NAMES]
    world.accept([_sent(account, number, body=noise(number)) for account in accounts for number in range(_RECORDS)])
    seal(world)
    world.accept([_sent(account, number, body="late") for account in accounts[1:] for number in (5, 500)])
    seal(world)
    return texts(world)


def texts(world: World) -> dict[AccountSid, tuple[int, str]]:
    """The revision, and the hash of the text, of each account's day."""
    with world.database.snapshot() as tx:
        accounts = [one.sid for one in tx.accounts.listed(after=None, limit=100)]
    sealed = {account: world.sealed(account, DAY) for account in accounts}
    return {account: (one.revision, one.plain_sha256) for account, one in sealed.items() if one}


def until_sealed(world: World) -> None:
    """Seal the day, again and again as long as the engine does not do it, as a worker does."""
    for _ in range(20):
        try:
            world.seal(DAY)
        except EngineUnavailable:
            continue
        return
    pytest.fail("the day was given up 20 times")


def sweep_all(world: World) -> None:
    """Let everything go that may."""
    for _ in range(3):
        world.clock.pass_by(STALE_AFTER + timedelta(seconds=1))
        while world.sweep.step():
            pass


def _sent(account: AccountSid, number: int, *, body: str) -> Sent:
    at = f"{DAY}T10:00:00Z"
    return Sent(account=account, name=f"{account} {number}", created=at, updated=at[:-3] + "01Z", body=body)
