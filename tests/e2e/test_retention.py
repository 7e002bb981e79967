"""Retention under a clock that is moved: what was published goes when its time has come, and the records stay."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Table, func, select

from dayfile.files.links import ExpiredLink, Link, LinkSigner
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.export import LONGEST_LINK, DayFile
from dayfile.model.job import Job
from dayfile.model.session import SESSION_LIFETIME, Session
from dayfile.store.tables.accounts import session
from dayfile.store.tables.exports import daily_run, day_file, job, job_day, quota_day
from dayfile.store.tables.records import receipt, upload
from dayfile.store.tables.sealing import seal, sealed_day
from tests.support.deployment import CLUSTER, Place
from tests.support.records import Sent
from tests.support.state import a_job_request, a_sid, an_account
from tests.support.world import World

ACME = AccountSid(a_sid("AC", "acme"))
DAY = "2026-11-01"
WEEK = timedelta(days=7)
LATE = timedelta(minutes=11)  # after which late records are sealed
MICROSECOND = timedelta(microseconds=1)
SIGNER = LinkSigner(b"k" * 32)
SLOW_DEPLOYMENTS = (CLUSTER,)  # what a sample of it needs is in test_whole_life.py


@pytest.fixture
def world(tmp_path: Path, place: Place) -> Iterator[World]:
    """An instance with one account and a sealed day."""
    world = World(tmp_path, database=place.database, storage=place.storage)
    an_account(world.database, "acme")
    revise(world, "first")
    yield world
    world.close()


def revise(world: World, body: str) -> None:
    """Another message of the day arrives, and the day is sealed again."""
    world.accept([Sent(account=ACME, name=body, created=f"{DAY}T10:00:00Z", updated=f"{DAY}T10:00:01Z", body=body)])
    after(world, LATE)


def after(world: World, time: timedelta) -> None:
    """So much time passes, and the workers do what is due."""
    world.clock.pass_by(time)
    world.work()


def publish(world: World) -> Job:
    """A job publishes the day."""
    with world.database.snapshot() as tx:
        account = tx.accounts.get(ACME)
    submitted = world.jobs.submit(a_job_request(account, DAY, DAY))
    world.work()
    return submitted


def rows(world: World, table: Table) -> int:
    """The number of rows in a table."""
    with world.database.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def objects(world: World) -> int:
    """The number of sealed files in the storage, whatever refers to them."""
    return sum("/account=" in key for key in world.kept.scan("sealed/"))


def a_link(world: World, file: DayFile, *, lifetime: timedelta = LONGEST_LINK) -> tuple[str, str]:
    """A link to a file as it is given now: its path and its query."""
    path, _, query = SIGNER.sign(Link.to(file, expires_at=world.clock.now() + lifetime)).partition("?")
    return path, query


def linked(world: World, link: tuple[str, str]) -> list[object]:
    """Return the answer to a link, as it is now."""
    found = SIGNER.check(*link, now=world.clock.now())
    with world.database.snapshot() as tx:
        sealed = tx.sealed_days.get(found.sealed_day_id)
    return [record["body"] for record in world.records_of(sealed)]


def a_session(now: datetime) -> Session:
    """Somebody signs in."""
    return Session(
        token_hash=b"token", credential=ACME, secret_hash=b"secret", began_at=now, expires_at=now + SESSION_LIFETIME
    )


def test_a_session_goes_when_it_has_expired(world: World) -> None:
    """Not before: whoever has it is signed in until then."""
    with world.database.transaction() as tx:
        tx.sessions.add(a_session(world.clock.now()))
    after(world, SESSION_LIFETIME)
    assert rows(world, session) == 1
    after(world, timedelta(minutes=1) + MICROSECOND)
    assert rows(world, session) == 0


def test_a_published_day_goes_after_seven_days_and_its_records_stay(world: World) -> None:
    """To the microsecond out of sight; the row follows, the sealed day never, and another job publishes it anew."""
    publish(world)
    after(world, WEEK - MICROSECOND)
    assert [str(file.day) for file in world.listed(ACME)] == [DAY]
    world.clock.pass_by(MICROSECOND)
    assert world.listed(ACME) == []
    after(world, timedelta(minutes=1))
    assert rows(world, day_file) == 0
    after(world, timedelta(days=20))
    assert len(world.records(ACME, DAY)) == 1
    publish(world)
    assert len(world.listed(ACME)) == 1
    assert world.findings() == []


def test_no_link_outlives_its_day(world: World) -> None:
    """A link that is given at the last moment is dead a second later, as the day is."""
    publish(world)
    after(world, WEEK - timedelta(seconds=2))
    [file] = world.listed(ACME)
    link = a_link(world, file)
    world.clock.pass_by(timedelta(seconds=1))
    assert linked(world, link) == ["first"]
    world.clock.pass_by(timedelta(seconds=1))
    with pytest.raises(ExpiredLink):
        linked(world, link)


def test_a_job_goes_seven_days_after_it_is_over(world: World) -> None:
    """With its days; one that is not over stays, however old it is."""
    over = publish(world)
    with world.database.snapshot() as tx:
        account = tx.accounts.get(ACME)
    after(world, WEEK - MICROSECOND)
    waiting = world.jobs.submit(a_job_request(account))
    with world.database.snapshot() as tx:
        assert tx.jobs.get(over.sid).over_at is not None
    world.clock.pass_by(timedelta(minutes=1) + MICROSECOND)
    while world.retention.step():
        pass
    assert (rows(world, job), rows(world, job_day)) == (1, 3)
    with world.database.snapshot() as tx:
        assert tx.jobs.get(waiting.sid).over_at is None


def test_a_revision_that_nobody_can_reach_any_more_goes(world: World) -> None:
    """It was superseded before anybody published it; its object rests for a while, for older databases."""
    revise(world, "second")
    assert objects(world) == 2
    after(world, timedelta(hours=1, minutes=1))
    assert (rows(world, sealed_day), objects(world)) == (1, 2)
    after(world, timedelta(minutes=31))
    assert objects(world) == 1
    assert {record["body"] for record in world.records(ACME, DAY)} == {"first", "second"}
    assert world.findings() == []


def test_a_published_revision_stays_until_the_last_link_to_it_is_dead(world: World) -> None:
    """Exporting a day again takes nothing away from whoever was given a link to the former file."""
    publish(world)
    [file] = world.listed(ACME)
    revise(world, "second")
    after(world, timedelta(days=3))
    assert rows(world, sealed_day) == 2, "it is on the list"
    link = a_link(world, file)
    publish(world)
    for _ in range(3):
        after(world, timedelta(days=1, hours=7))
        assert linked(world, link) == ["first"]
    after(world, LONGEST_LINK)
    assert rows(world, sealed_day) == 1
    assert world.findings() == []


def test_a_day_published_again_as_it_is_goes_on_as_it_is(world: World) -> None:
    """Its file is the same one: nothing of it may be taken for superseded."""
    publish(world)
    publish(world)
    after(world, timedelta(days=10))
    assert (rows(world, sealed_day), objects(world)) == (1, 1)


def test_nothing_is_left_over_of_what_was_published_once(world: World) -> None:
    """Later there are the records, and nothing that grows with what was done: no jobs, receipts, sessions."""
    world.enable(ACME)
    for body in ("second", "third"):
        publish(world)
        revise(world, body)
    world.accept(
        [Sent(account=ACME, name="m", created=f"{DAY}T10:00:00Z", updated=f"{DAY}T10:00:02Z", body="last")],
        idempotency_key="once",
    )
    after(world, LATE)
    world.enable(ACME, enabled=False)
    with world.database.transaction() as tx:
        tx.jobs.draw_quota(ACME, today=Day.of(world.clock.now()), days=1, limit=366)
        tx.sessions.add(a_session(world.clock.now()))
    for _ in range(10):
        after(world, timedelta(days=1))
    for _ in range(2):
        after(world, timedelta(minutes=31))  # the manifests of the seals forgotten last have rested
    tables = (day_file, job, job_day, quota_day, receipt, sealed_day, session)
    kept = {table.name: count for table in tables if (count := rows(world, table))}
    assert kept == {"sealed_day": 1}
    # Of the last week: four types a day.
    assert rows(world, daily_run) <= 4 * 8
    assert rows(world, seal) <= 4 * 8 + 1
    assert rows(world, upload) <= 2 * (4 * 8 + 1), "and what rests of seals that were forgotten"
    assert objects(world) == 1
    assert world.findings() == []
    assert world.stored_keys() == world.referred_keys()
