"""A damaged segment stops only those who may have lines in it, and they get all of it when it is whole again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from dayfile.model.account import AccountSid
from dayfile.model.damage import DamageKind, DamageState, FoundDamage
from dayfile.model.job import Status
from dayfile.model.resource import MESSAGES
from dayfile.sealing.repairs import NotSealedYet
from tests.support import damage as harm
from tests.support.damaged_day import (
    ACME,
    ACTOR,
    DAY,
    OTHER,
    THIRD,
    TODAY,
    a_message,
    a_world,
    bodies,
    damages,
    expected,
    large_batch,
    noise,
    segment_path,
    status_of,
    submit,
    take_and_seal,
    the_day,
    with_late_records,
)
from tests.support.state import a_sid, an_account
from tests.support.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An instance with three accounts."""
    world = a_world(tmp_path)
    yield world
    world.close()


WHOLE: dict[str, Callable[[Path], bytes]] = {
    "removed": harm.remove,
    "cut": harm.cut,
    "its footer": lambda path: harm.flip(path, -6),
    "its columns": lambda path: harm.flip(path, path.read_bytes().rindex(b"dayfile.blocks") // 1 - 3000),
}


@pytest.mark.parametrize("how", WHOLE)
def test_a_segment_that_cannot_be_read_holds_up_those_who_have_lines_in_it(world: World, how: str) -> None:
    """Others of the day are sealed and published; its accounts are sealed with what they have beside it."""
    sent = large_batch((ACME, OTHER))
    world.accept(sent)
    path = segment_path(world)
    was = WHOLE[how](path)
    beside = [a_message(one, "beside") for one in (ACME, OTHER, THIRD)]
    world.accept(beside)
    jobs = {account: submit(world, account) for account in (ACME, OTHER, THIRD)}
    world.clock.pass_by(timedelta(minutes=11))
    world.work()
    assert bodies(world, THIRD) == expected(beside, THIRD)
    assert status_of(world, jobs[THIRD]) == {(Status.COMPLETED, None)}
    for account in (ACME, OTHER):
        assert bodies(world, account) == expected(beside, account)
        [(status, why)] = status_of(world, jobs[account])
        assert (status, path.name in str(why)) == (Status.SUBMITTED, True)
    [damage] = damages(world)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(was)
    assert world.repairs.retry(damage.key, actor=ACTOR).state is DamageState.REPAIRED
    world.clock.pass_by(timedelta(minutes=2))
    world.work()
    for account in (ACME, OTHER):
        assert bodies(world, account) == expected(sent + beside, account)
        assert status_of(world, jobs[account]) == {(Status.COMPLETED, None)}
    assert (world.findings(), damages(world)) == ([], [])


def test_a_damaged_block_holds_up_those_who_have_lines_in_it(world: World) -> None:
    """The other blocks of its segment are sealed, those of the same account, too."""
    sent = large_batch((ACME, OTHER), records=1200)
    world.accept(sent)
    path = segment_path(world)
    was = harm.flip(path, 1000)
    job = submit(world, OTHER)
    world.clock.pass_by(timedelta(minutes=11))
    world.work()
    first, second = sorted((ACME, OTHER))
    assert bodies(world, second) == expected(sent, second)
    found = bodies(world, first)
    assert 0 < len(found) < 1200
    assert found.items() <= expected(sent, first).items()
    [damage] = damages(world)
    if first == ACME:
        assert status_of(world, job) == {(Status.COMPLETED, None)}
    path.write_bytes(was)
    world.repairs.retry(damage.key, actor=ACTOR)
    world.work()
    assert bodies(world, first) == expected(sent, first)
    assert (world.findings(), damages(world)) == ([], [])
    assert world.stored_keys() >= world.referred_keys()


def test_what_was_stored_before_a_damage_was_met_is_not_left_over(world: World) -> None:
    """The files of the first accounts are there when the last block cannot be read, and are made once more."""
    for number in range(40):
        an_account(world.database, f"one of many {number}")
    many = tuple(AccountSid(a_sid("AC", f"one of many {number}")) for number in range(40))
    sent = [a_message(one, f"{n}", body=noise(n) * 20) for one in many for n in range(8)]
    world.accept(sent)
    path = segment_path(world)
    at = path.read_bytes().rindex(b"ARROW") if b"ARROW" in path.read_bytes() else path.stat().st_size * 9 // 10
    harm.flip(path, at)
    world.clock.pass_by(timedelta(minutes=11))
    world.work()
    assert len(damages(world)) == 1
    whole = [one for one in many if bodies(world, one) == expected(sent, one)]
    assert 30 < len(whole) < 40
    world.clock.pass_by(timedelta(hours=7))
    world.work()
    assert world.stored_keys() == world.referred_keys()


def test_an_account_that_a_segment_does_not_name_keeps_what_it_had(world: World) -> None:
    """A row that was edited: the lines are the account's all the same, and so is its file."""
    sent = with_late_records(world)
    world.accept(sent[-3:])
    with world.database.exclusively() as connection:
        connection.exec_driver_sql("UPDATE segment SET accounts = x'0102030405060708'")
    world.clock.pass_by(timedelta(minutes=11))
    world.work()
    for account in (ACME, OTHER, THIRD):
        assert bodies(world, account) == expected(sent, account)
    assert world.stored_keys() >= world.referred_keys()
    assert world.findings() == []


def test_a_segment_that_is_given_up_leaves_incomplete_days(world: World) -> None:
    """Each account that may have had lines in it has a manifest that says so, even where nothing is left."""
    world.accept(large_batch((ACME, OTHER)))
    path = segment_path(world)
    beside = [a_message(ACME, "beside"), a_message(THIRD, "beside")]
    world.accept(beside)
    harm.remove(path)
    jobs = [submit(world, account) for account in (ACME, OTHER)]
    with world.database.transaction() as tx:
        key = next(segment.key for segment in tx.segments.of_day(MESSAGES, the_day()) if segment.key)
    world.clock.pass_by(timedelta(minutes=11))
    world.work()
    world.repairs.accept(key, actor=ACTOR)
    world.clock.pass_by(timedelta(minutes=2))
    world.work()
    incomplete = {}
    for account in (ACME, OTHER, THIRD):
        sealed = world.sealed(account, DAY)
        assert sealed is not None
        incomplete[account] = sealed.is_incomplete, sealed.records
    assert incomplete == {ACME: (True, 1), OTHER: (True, 0), THIRD: (False, 1)}
    assert [status_of(world, job) for job in jobs] == [
        {(Status.COMPLETED, None)},
        {(Status.COMPLETED_EMPTY_RECORDS, None)},
    ]
    assert (world.findings(), damages(world)) == ([], [])


def test_ties_with_lines_that_were_held_come_out_as_if_nothing_had_been_damaged(world: World) -> None:
    """Equal versions before, within and after what was held: the one accepted last counts."""
    before = take_and_seal(
        world, [a_message(ACME, name, updated=5, body="before") for name in ("0000", "0001", "0002")]
    )
    held = [a_message(ACME, f"{number:04}", updated=5, body=noise(number)) for number in range(500)]
    world.accept(held)
    path = segment_path(world)
    was = harm.remove(path)
    after = take_and_seal(world, [a_message(ACME, "0001", updated=5, body="with it"), a_message(OTHER, "x")])
    after += take_and_seal(world, [a_message(ACME, "0002", updated=5, body="after it")])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(was)
    world.clock.pass_by(timedelta(hours=1))
    world.work()
    assert bodies(world, ACME) == expected(before + held + after, ACME)
    assert (world.findings(), damages(world)) == ([], [])


def test_a_segment_is_not_given_up_before_a_seal_has_used_what_is_sound(world: World) -> None:
    """A check may find it before; accepting it then would lose the sound blocks, too."""
    world.accept(large_batch((ACME,)))
    harm.flip(segment_path(world), 1000)
    with world.database.transaction() as tx:
        [segment] = tx.segments.of_day(MESSAGES, the_day())
        assert segment.key is not None
        tx.damages.record(
            FoundDamage(
                key=segment.key,
                kind=DamageKind.SEGMENT,
                account=None,
                accounts=segment.accounts,
                resource_type=MESSAGES,
                day=the_day(),
                reason="found by a check",
            ),
            now=world.clock.now(),
        )
    with pytest.raises(NotSealedYet, match=f"dayfile seal Messages {DAY}"):
        world.repairs.accept(segment.key, actor=ACTOR)


def test_an_inline_segment_whose_bytes_have_changed_is_held(world: World) -> None:
    """Small batches are in the state database: their bytes can be damaged as well, and nobody else waits for them."""
    sent = [a_message(ACME, "one"), a_message(ACME, "two")]
    world.accept(sent)
    with world.database.exclusively() as connection:
        was = connection.exec_driver_sql("SELECT data FROM segment_inline").scalar_one()
        connection.exec_driver_sql("UPDATE segment_inline SET data = ?", (was[:-3] + b"abc",))
    others = take_and_seal(world, [a_message(OTHER, "one")])
    assert bodies(world, OTHER) == expected(others, OTHER)
    [damage] = damages(world)
    assert damage.kind is DamageKind.SEGMENT
    with world.database.exclusively() as connection:
        connection.exec_driver_sql("UPDATE segment_inline SET data = ?", (was,))
    assert world.repairs.retry(damage.key, actor=ACTOR).state is DamageState.REPAIRED
    world.work()
    assert bodies(world, ACME) == expected(sent, ACME)


@pytest.mark.parametrize("column", ["kind", "resource_type", "day"])
def test_a_segment_whose_row_cannot_be_read_holds_up_nobody_else(world: World, column: str) -> None:
    """A row was edited by hand: its lines wait until it is put right, and all other days and accounts are served."""
    sent = [a_message(ACME, "one")]
    world.accept(sent)
    with world.database.exclusively() as connection:
        was = connection.exec_driver_sql(f"SELECT {column} FROM segment").scalar_one()  # noqa: S608 - a name of ours
        connection.exec_driver_sql(f"UPDATE segment SET {column} = 'nonsense'")  # noqa: S608 - a name of ours
    others = take_and_seal(world, [a_message(OTHER, "one")])
    assert bodies(world, OTHER) == expected(others, OTHER)
    assert bodies(world, ACME) == {}
    with world.database.exclusively() as connection:
        connection.exec_driver_sql(f"UPDATE segment SET {column} = ?", (was,))  # noqa: S608 - a name of ours
    world.clock.pass_by(timedelta(hours=1))
    world.work()
    assert bodies(world, ACME) == expected(sent, ACME)


def test_a_daily_export_is_withheld_until_its_damage_is_settled(world: World) -> None:
    """A run never runs again, so what it passes over is published by itself, once, with its notice."""
    for account in (ACME, OTHER, THIRD):
        world.enable(account)
    world.accept(sent := [a_message(one, name, day=TODAY) for one in (ACME, OTHER) for name in ("first", "second")])
    with world.database.exclusively() as connection:
        was = connection.exec_driver_sql("SELECT data FROM segment_inline").scalar_one()
        connection.exec_driver_sql("UPDATE segment_inline SET data = ?", (b"nonsense",))
    world.accept(beside := [a_message(THIRD, "first", day=TODAY)])
    world.clock.pass_by(timedelta(hours=14))
    world.work()
    listed = {one: [str(file.day) for file in world.listed(one)] for one in (ACME, OTHER, THIRD)}
    assert listed == {ACME: [], OTHER: [], THIRD: [TODAY]}
    assert bodies(world, THIRD, TODAY) == expected(beside, THIRD)
    with world.database.exclusively() as connection:
        connection.exec_driver_sql("UPDATE segment_inline SET data = ?", (was,))
    world.clock.pass_by(timedelta(hours=1))
    world.work()
    for account in (ACME, OTHER):
        [file] = world.listed(account)
        assert file.sealed is not None
        assert file.sealed.records == 2
        assert bodies(world, account, TODAY) == expected(sent, account)
    assert (world.findings(), damages(world)) == ([], [])
