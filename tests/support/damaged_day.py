"""A day of three accounts in which tests damage something: what is sent, and what should come of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from dayfile.model.account import Account, AccountSid
from dayfile.model.credential import Actor
from dayfile.model.damage import Damage
from dayfile.model.day import Day
from dayfile.model.job import JobSid, Status
from dayfile.model.resource import MESSAGES
from tests.support.records import Sent, newest
from tests.support.state import a_job_request, a_sid, an_account
from tests.support.stored_file import StoredFile
from tests.support.world import World

ACTOR = Actor(name="operator")
DAY = "2026-11-01"
TODAY = "2026-11-23"


def a_world(folder: Path) -> World:
    """An instance with three accounts."""
    world = World(folder)
    for name in ("acme", "other", "third"):
        an_account(world.database, name)
    world.worker.open_days()
    return world


ACME, OTHER, THIRD = (AccountSid(a_sid("AC", name)) for name in ("acme", "other", "third"))


def account_of(world: World, sid: AccountSid) -> Account:
    """An account by its sid."""
    with world.database.snapshot() as tx:
        return tx.accounts.get(sid)


def a_message(account: AccountSid, name: str, *, updated: int = 1, body: str = "hello", day: str = DAY) -> Sent:
    """A message of an account."""
    at = f"{day}T10:00:00Z"
    return Sent(account=account, name=f"{account} {name}", created=at, updated=at[:-3] + f"{updated:02}Z", body=body)


def bodies(world: World, account: AccountSid, day: str = DAY) -> dict[str, object]:
    """The bodies of an account's records as its current revision has them, by sid."""
    return {str(record["sid"]): record["body"] for record in world.records(account, day)}


def expected(sent: list[Sent], account: AccountSid) -> dict[str, object]:
    """Return the bodies that an account's file should have, by sid, of all that was sent."""
    return {one.sid: one.body for one in newest(sent).values() if one.account == account}


def take_and_seal(world: World, sent: list[Sent]) -> list[Sent]:
    """Take records in and have them sealed, with the late ones that came before."""
    world.accept(sent)
    world.clock.pass_by(timedelta(minutes=11))
    world.work()
    return sent


def file_of(world: World, account: AccountSid, day: str = DAY) -> StoredFile:
    """Return the current file of an account."""
    sealed = world.sealed(account, day)
    assert sealed is not None
    return StoredFile(world.folder / "objects", sealed)


def damages(world: World) -> list[Damage]:
    """Return the damages that are not settled."""
    with world.database.snapshot() as tx:
        return tx.damages.page(limit=100)


def status_of(world: World, sid: JobSid) -> set[tuple[Status, str | None]]:
    """Return the states of a job's days, with their reasons."""
    with world.database.snapshot() as tx:
        return {(day.status, day.error) for day in tx.jobs.days([sid])[sid]}


def submit(world: World, account: AccountSid) -> JobSid:
    """Ask for the day."""
    return world.jobs.submit(a_job_request(account_of(world, account), DAY, DAY)).sid


def with_late_records(world: World) -> list[Sent]:
    """Records of everybody, sealed and then late ones, with the file of the first damaged between the two."""
    sent = take_and_seal(world, [a_message(one, name) for one in (ACME, OTHER, THIRD) for name in ("first", "second")])
    return sent + [a_message(one, "first", updated=2, body="late") for one in (ACME, OTHER, THIRD)]


def noise(number: int) -> str:
    """A text that does not compress."""
    return "".join(a_sid("", f"{number} {part}") for part in range(60))  # does not compress, so it needs an object


def large_batch(accounts: tuple[AccountSid, ...], *, records: int = 400) -> list[Sent]:
    """Messages of so many bytes that each account has blocks of its own."""
    return [a_message(one, f"{number:04}", body=noise(number)) for one in accounts for number in range(records)]


def segment_path(world: World) -> Path:
    """Return the path of the day's only segment that is an object."""
    with world.database.snapshot() as tx:
        [key] = [segment.key for segment in tx.segments.of_day(MESSAGES, the_day()) if segment.key]
    return world.folder / "objects" / key


def the_day() -> Day:
    """The day."""
    return Day.parse(DAY)
