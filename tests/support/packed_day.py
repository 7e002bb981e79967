"""A day whose small files share packs, most of the first of which is dead."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.export import SealedDay
from dayfile.model.resource import MESSAGES
from dayfile.store.packs import Pack
from tests.support.records import Sent
from tests.support.state import a_sid, an_account
from tests.support.world import ALL_PACKED, SWEEP_DELAY, World

DAY = "2026-11-01"
NAMES = ("acme", "bravo", "other", "third", "fifth")
ACCOUNTS = sorted(AccountSid(a_sid("AC", name)) for name in NAMES)


def a_message(account: AccountSid, *, updated: int = 1, name: str = "m") -> Sent:
    """A message of an account; a later one is another version."""
    created = f"{DAY}T10:00:00Z"
    return Sent(account=account, name=name, created=created, updated=f"{DAY}T10:00:{updated:02}Z", body=f"v{updated}")


def a_packed_world(folder: Path, *, accounts: int = len(NAMES), scrub_days: int = 0) -> World:
    """An instance with one pack that has a file of each account."""
    folder.mkdir(exist_ok=True)
    return with_a_pack(World(folder, pack_below=ALL_PACKED, scrub_days=scrub_days), accounts=accounts)


def with_a_pack(world: World, *, accounts: int = len(NAMES)) -> World:
    """The same of a new instance, wherever it is."""
    for name in NAMES:
        an_account(world.database, name)
    revise(world, ACCOUNTS[:accounts], updated=1)
    return world


def revise(world: World, accounts: list[AccountSid], *, updated: int) -> None:
    """Have the day sealed again, with another version of the message of these accounts."""
    world.accept([a_message(account, updated=updated) for account in accounts])
    world.seal(DAY)


def let_die(world: World, accounts: list[AccountSid], *, updated: int = 2) -> None:
    """Supersede the files of accounts, and have retention forget what was before."""
    revise(world, accounts, updated=updated)
    world.clock.pass_by(timedelta(hours=2))
    while world.retention.step():
        pass


def files_of(world: World) -> dict[AccountSid, SealedDay]:
    """The current files of the day."""
    with world.database.snapshot() as tx:
        return tx.sealed_days.of_day(MESSAGES, Day.parse(DAY))


def packs_of(world: World) -> dict[str, Pack]:
    """The packs that files of the day are in, by key."""
    with world.database.snapshot() as tx:
        return {pack.key: pack for pack in tx.packs.all()}


def sweep(world: World) -> None:
    """Let time pass until whatever was condemned is deleted, twice."""
    for _ in range(3):
        world.clock.pass_by(SWEEP_DELAY + timedelta(minutes=1))
        while world.sweep.step():
            pass
