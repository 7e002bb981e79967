"""A damaged file stops only what it touches: everybody else has their days, and what it touches is held and named."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from dayfile.errors import InFlight
from dayfile.model.damage import DamageKind, DamageState
from dayfile.model.job import Status
from dayfile.model.resource import MESSAGES
from tests.support import damage as harm
from tests.support.damaged_day import (
    ACME,
    ACTOR,
    DAY,
    OTHER,
    THIRD,
    a_message,
    a_world,
    bodies,
    damages,
    expected,
    file_of,
    status_of,
    submit,
    take_and_seal,
    the_day,
    with_late_records,
)
from tests.support.world import World

pytestmark = pytest.mark.usefixtures("small_files")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An instance with three accounts."""
    world = a_world(tmp_path)
    yield world
    world.close()


def test_a_damaged_file_holds_up_its_account_only(world: World) -> None:
    """One byte of the first account's file has changed, and there are late records for all."""
    sent = with_late_records(world)
    path = file_of(world, ACME)
    was = harm.flip(path)
    world.accept(sent[-3:])
    jobs = {account: submit(world, account) for account in (ACME, OTHER)}
    world.clock.pass_by(timedelta(minutes=11))
    world.work()
    assert (bodies(world, OTHER), bodies(world, THIRD)) == (expected(sent, OTHER), expected(sent, THIRD))
    assert status_of(world, jobs[OTHER]) == {(Status.COMPLETED, None)}
    [(status, why)] = status_of(world, jobs[ACME])
    assert status is Status.SUBMITTED
    assert why is not None
    assert path.key in why
    [damage] = damages(world)
    assert (damage.kind, damage.account, str(damage.day)) == (DamageKind.FILE, ACME, DAY)
    assert damage.key == path.key
    assert any(damage.key in finding and "damage accept" in finding for finding in world.findings())
    with world.database.snapshot() as tx:
        assert tx.segments.waiting() == [], "what is held makes no day due"
        assert sum(day.records for day in tx.segments.waiting(held=True)) == 1
    path.write_bytes(was)
    world.clock.pass_by(timedelta(hours=1))
    world.work()
    assert bodies(world, ACME) == expected(sent, ACME)
    world.clock.pass_by(timedelta(minutes=1))
    world.work()
    assert status_of(world, jobs[ACME]) == {(Status.COMPLETED, None)}
    assert world.findings() == []


def test_a_file_that_is_given_up_leaves_what_came_later(world: World) -> None:
    """The rest is sealed and says for good that it is not all; an earlier revision stands in for the file."""
    sent = with_late_records(world)
    take_and_seal(world, sent[-3:])
    harm.cut(file_of(world, ACME))
    later = take_and_seal(world, [a_message(one, "third", updated=3, body="later") for one in (ACME, OTHER)])
    [damage] = damages(world)
    world.repairs.accept(damage.key, actor=ACTOR)
    world.work()
    kept = [one for one in sent[:6] if one.account == ACME] + later
    assert bodies(world, ACME) == expected(kept, ACME), "the first revision, and what was held"
    sealed = world.sealed(ACME, DAY)
    assert sealed is not None
    assert (sealed.revision, sealed.is_incomplete) == (3, True)
    others = world.sealed(OTHER, DAY)
    assert others is not None
    assert not others.is_incomplete
    assert damages(world) == []
    take_and_seal(world, [a_message(ACME, "fourth", body="once more")])
    after = world.sealed(ACME, DAY)
    assert after is not None
    assert (after.revision, after.is_incomplete) == (4, True)


def test_a_file_that_is_all_there_was_can_be_given_up(world: World) -> None:
    """No late record, no revision before it: the day is empty and says so, and jobs end."""
    sent = with_late_records(world)
    harm.remove(file_of(world, ACME))
    world.accept([sent[-3]])
    job = submit(world, ACME)
    world.work()
    [damage] = damages(world)
    assert "missing" in damage.reason or "in the pack" in damage.reason
    world.repairs.accept(damage.key, actor=ACTOR)
    world.clock.pass_by(timedelta(minutes=2))
    world.work()
    assert bodies(world, ACME) == expected([sent[-3]], ACME)
    assert status_of(world, job) == {(Status.COMPLETED, None)}


def test_later_lines_of_an_account_whose_lines_are_held_keep_their_order(world: World) -> None:
    """Of equal versions the later accepted counts, also when the earlier one was held for days."""
    sent = with_late_records(world)
    path = file_of(world, ACME)
    was = harm.flip(path)
    for body in ("held", "held later"):
        sent += take_and_seal(world, [a_message(ACME, "first", updated=5, body=body), a_message(OTHER, body)])
    path.write_bytes(was)
    sent += take_and_seal(world, [a_message(ACME, "second", updated=5, body="last")])
    world.clock.pass_by(timedelta(hours=1))
    world.work()
    assert bodies(world, ACME) == expected([*sent[:6], *sent[9:]], ACME)
    assert bodies(world, ACME)[a_message(ACME, "first").sid] == "held later"
    assert (world.findings(), damages(world)) == ([], [])


def test_a_damage_is_resolved_only_while_nobody_seals_the_day(world: World) -> None:
    """A seal that took later lines before would put them behind the ones that were held."""
    sent = with_late_records(world)
    harm.flip(file_of(world, ACME))
    take_and_seal(world, sent[-3:])
    [damage] = damages(world)
    claim = world.sealing.claim(MESSAGES, the_day(), worker="another")
    assert claim is not None
    with pytest.raises(InFlight, match="being sealed"):
        world.repairs.accept(damage.key, actor=ACTOR)
    world.clock.pass_by(timedelta(minutes=2))  # its lease runs out
    assert world.repairs.accept(damage.key, actor=ACTOR).state is DamageState.ACCEPTED


def test_a_file_whose_row_names_another_account_reaches_neither(world: World) -> None:
    """Its lines would have been sealed into the other account's file, and served to it."""
    sent = with_late_records(world)
    with world.database.exclusively() as connection:
        connection.exec_driver_sql("UPDATE sealed_day SET account = ?, revision = 9 WHERE account = ?", (OTHER, ACME))
    world.accept(sent[-3:])
    jobs = [submit(world, account) for account in (ACME, OTHER)]
    world.clock.pass_by(timedelta(minutes=11))
    world.work()
    assert bodies(world, THIRD) == expected(sent, THIRD)
    assert bodies(world, ACME) == {}, "what waits for the file is held"
    assert [{status for status, _ in status_of(world, job)} for job in jobs] == [{Status.SUBMITTED}] * 2
    [damage] = damages(world)
    assert (damage.account, OTHER in damage.reason) == (ACME, True)
    with world.database.exclusively() as connection:
        put_right = "UPDATE sealed_day SET account = ?, revision = 1 WHERE file_key = ?"
        connection.exec_driver_sql(put_right, (ACME, damage.key))
    world.clock.pass_by(timedelta(hours=1))
    world.work()
    for account in (ACME, OTHER):
        assert bodies(world, account) == expected(sent, account)
    assert (world.findings(), damages(world)) == ([], [])
