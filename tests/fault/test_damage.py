"""A damaged object stops only what it touches: everybody else has their days, and what it touches is held and named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from dayfile.errors import InFlight
from dayfile.model.account import Account, AccountSid
from dayfile.model.credential import Actor
from dayfile.model.damage import Damage, DamageKind, DamageState, FoundDamage
from dayfile.model.day import Day
from dayfile.model.job import JobSid, Status
from dayfile.model.resource import MESSAGES
from dayfile.sealing.repairs import NotSealedYet
from tests.support import damage as harm
from tests.support.records import Sent, newest
from tests.support.state import a_job_request, a_sid, an_account
from tests.support.world import World

ACTOR = Actor(name="operator")
DAY = "2026-11-01"
TODAY = "2026-11-23"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An instance with three accounts."""
    world = World(tmp_path)
    for name in ("acme", "other", "third"):
        an_account(world.database, name)
    world.worker.open_days()
    yield world
    world.close()


ACME, OTHER, THIRD = (AccountSid(a_sid("AC", name)) for name in ("acme", "other", "third"))


def _account(world: World, sid: AccountSid) -> Account:
    with world.database.snapshot() as tx:
        return tx.accounts.get(sid)


def _message(account: AccountSid, name: str, *, updated: int = 1, body: str = "hello", day: str = DAY) -> Sent:
    at = f"{day}T10:00:00Z"
    return Sent(account=account, name=f"{account} {name}", created=at, updated=at[:-3] + f"{updated:02}Z", body=body)


def _bodies(world: World, account: AccountSid, day: str = DAY) -> dict[str, object]:
    return {str(record["sid"]): record["body"] for record in world.records(account, day)}


def _expected(sent: list[Sent], account: AccountSid) -> dict[str, object]:
    return {one.sid: one.body for one in newest(sent).values() if one.account == account}


def _sealed(world: World, sent: list[Sent]) -> list[Sent]:
    """Take records in and have them sealed, with the late ones that came before."""
    world.accept(sent)
    world.clock.pass_by(timedelta(minutes=11))
    world.work()
    return sent


def _path(world: World, account: AccountSid, day: str = DAY) -> Path:
    sealed = world.sealed(account, day)
    assert sealed is not None
    return world.folder / "objects" / sealed.key


def _damages(world: World) -> list[Damage]:
    with world.database.snapshot() as tx:
        return tx.damages.page(limit=100)


def _status(world: World, sid: JobSid) -> set[tuple[Status, str | None]]:
    with world.database.snapshot() as tx:
        return {(day.status, day.error) for day in tx.jobs.days([sid])[sid]}


def _submit(world: World, account: AccountSid) -> JobSid:
    return world.jobs.submit(a_job_request(_account(world, account), DAY, DAY)).sid


def _late(world: World) -> list[Sent]:
    """Records of everybody, sealed and then late ones, with the file of the first damaged between the two."""
    sent = _sealed(world, [_message(one, name) for one in (ACME, OTHER, THIRD) for name in ("first", "second")])
    return sent + [_message(one, "first", updated=2, body="late") for one in (ACME, OTHER, THIRD)]


def test_a_damaged_file_holds_up_its_account_only(world: World) -> None:
    """One byte of the first account's file has changed, and there are late records for all."""
    sent = _late(world)
    path = _path(world, ACME)
    was = harm.flip(path)
    world.accept(sent[-3:])
    jobs = {account: _submit(world, account) for account in (ACME, OTHER)}
    world.clock.pass_by(timedelta(minutes=11))
    world.work()
    assert (_bodies(world, OTHER), _bodies(world, THIRD)) == (_expected(sent, OTHER), _expected(sent, THIRD))
    assert _status(world, jobs[OTHER]) == {(Status.COMPLETED, None)}
    [(status, why)] = _status(world, jobs[ACME])
    assert status is Status.SUBMITTED
    assert why is not None
    assert path.name in why
    [damage] = _damages(world)
    assert (damage.kind, damage.account, str(damage.day)) == (DamageKind.FILE, ACME, DAY)
    assert world.objects.path(damage.key) == path
    assert any(damage.key in finding and "damage accept" in finding for finding in world.findings())
    with world.database.snapshot() as tx:
        assert tx.segments.waiting() == [], "what is held makes no day due"
        assert sum(day.records for day in tx.segments.waiting(held=True)) == 1
    path.write_bytes(was)
    world.clock.pass_by(timedelta(hours=1))
    world.work()
    assert _bodies(world, ACME) == _expected(sent, ACME)
    world.clock.pass_by(timedelta(minutes=1))
    world.work()
    assert _status(world, jobs[ACME]) == {(Status.COMPLETED, None)}
    assert world.findings() == []


def test_a_file_that_is_given_up_leaves_what_came_later(world: World) -> None:
    """What is left is sealed and says for good that it is not all; a revision before it stands in for the file."""
    sent = _late(world)
    _sealed(world, sent[-3:])
    harm.cut(_path(world, ACME))
    later = _sealed(world, [_message(one, "third", updated=3, body="later") for one in (ACME, OTHER)])
    [damage] = _damages(world)
    world.repairs.accept(damage.key, actor=ACTOR)
    world.work()
    kept = [one for one in sent[:6] if one.account == ACME] + later
    assert _bodies(world, ACME) == _expected(kept, ACME), "the first revision, and what was held"
    sealed = world.sealed(ACME, DAY)
    assert sealed is not None
    assert (sealed.revision, sealed.is_incomplete) == (3, True)
    others = world.sealed(OTHER, DAY)
    assert others is not None
    assert not others.is_incomplete
    assert _damages(world) == []
    _sealed(world, [_message(ACME, "fourth", body="once more")])
    after = world.sealed(ACME, DAY)
    assert after is not None
    assert (after.revision, after.is_incomplete) == (4, True)


def test_a_file_that_is_all_there_was_can_be_given_up(world: World) -> None:
    """No late record, no revision before it: the day is empty and says so, and jobs end."""
    sent = _late(world)
    harm.remove(_path(world, ACME))
    world.accept([sent[-3]])
    job = _submit(world, ACME)
    world.work()
    [damage] = _damages(world)
    assert "missing" in damage.reason
    world.repairs.accept(damage.key, actor=ACTOR)
    world.clock.pass_by(timedelta(minutes=2))
    world.work()
    assert _bodies(world, ACME) == _expected([sent[-3]], ACME)
    assert _status(world, job) == {(Status.COMPLETED, None)}


def test_later_lines_of_an_account_whose_lines_are_held_keep_their_order(world: World) -> None:
    """Of equal versions the later accepted counts, also when the earlier one was held for days."""
    sent = _late(world)
    path = _path(world, ACME)
    was = harm.flip(path)
    for body in ("held", "held later"):
        sent += _sealed(world, [_message(ACME, "first", updated=5, body=body), _message(OTHER, body)])
    path.write_bytes(was)
    sent += _sealed(world, [_message(ACME, "second", updated=5, body="last")])
    world.clock.pass_by(timedelta(hours=1))
    world.work()
    assert _bodies(world, ACME) == _expected([*sent[:6], *sent[9:]], ACME)
    assert _bodies(world, ACME)[_message(ACME, "first").sid] == "held later"
    assert (world.findings(), _damages(world)) == ([], [])


def _noise(number: int) -> str:
    return "".join(a_sid("", f"{number} {part}") for part in range(60))  # does not compress, so it needs an object


def _large(accounts: tuple[AccountSid, ...], *, records: int = 400) -> list[Sent]:
    """Messages of so many bytes that each account has blocks of its own."""
    return [_message(one, f"{number:04}", body=_noise(number)) for one in accounts for number in range(records)]


def _segment_path(world: World) -> Path:
    with world.database.snapshot() as tx:
        [key] = [segment.key for segment in tx.segments.of_day(MESSAGES, _day()) if segment.key]
    return world.folder / "objects" / key


def _day() -> Day:
    return Day.parse(DAY)


WHOLE: dict[str, Callable[[Path], bytes]] = {
    "removed": harm.remove,
    "cut": harm.cut,
    "its footer": lambda path: harm.flip(path, -6),
    "its columns": lambda path: harm.flip(path, path.read_bytes().rindex(b"dayfile.blocks") // 1 - 3000),
}


@pytest.mark.parametrize("how", WHOLE)
def test_a_segment_that_cannot_be_read_holds_up_those_who_have_lines_in_it(world: World, how: str) -> None:
    """Others of the day are sealed and published; its accounts are sealed with what they have beside it."""
    sent = _large((ACME, OTHER))
    world.accept(sent)
    path = _segment_path(world)
    was = WHOLE[how](path)
    beside = [_message(one, "beside") for one in (ACME, OTHER, THIRD)]
    world.accept(beside)
    jobs = {account: _submit(world, account) for account in (ACME, OTHER, THIRD)}
    world.clock.pass_by(timedelta(minutes=11))
    world.work()
    assert _bodies(world, THIRD) == _expected(beside, THIRD)
    assert _status(world, jobs[THIRD]) == {(Status.COMPLETED, None)}
    for account in (ACME, OTHER):
        assert _bodies(world, account) == _expected(beside, account)
        [(status, why)] = _status(world, jobs[account])
        assert (status, path.name in str(why)) == (Status.SUBMITTED, True)
    [damage] = _damages(world)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(was)
    assert world.repairs.retry(damage.key, actor=ACTOR).state is DamageState.REPAIRED
    world.clock.pass_by(timedelta(minutes=2))
    world.work()
    for account in (ACME, OTHER):
        assert _bodies(world, account) == _expected(sent + beside, account)
        assert _status(world, jobs[account]) == {(Status.COMPLETED, None)}
    assert (world.findings(), _damages(world)) == ([], [])


def test_a_damaged_block_holds_up_those_who_have_lines_in_it(world: World) -> None:
    """The other blocks of its segment are sealed, those of the same account, too."""
    sent = _large((ACME, OTHER), records=1200)
    world.accept(sent)
    path = _segment_path(world)
    was = harm.flip(path, 1000)
    job = _submit(world, OTHER)
    world.clock.pass_by(timedelta(minutes=11))
    world.work()
    first, second = sorted((ACME, OTHER))
    assert _bodies(world, second) == _expected(sent, second)
    found = _bodies(world, first)
    assert 0 < len(found) < 1200
    assert found.items() <= _expected(sent, first).items()
    [damage] = _damages(world)
    if first == ACME:
        assert _status(world, job) == {(Status.COMPLETED, None)}
    path.write_bytes(was)
    world.repairs.retry(damage.key, actor=ACTOR)
    world.work()
    assert _bodies(world, first) == _expected(sent, first)
    assert (world.findings(), _damages(world)) == ([], [])
    assert world.stored_keys() >= world.referred_keys()


def test_what_was_stored_before_a_damage_was_met_is_not_left_over(world: World) -> None:
    """The files of the first accounts are there when the last block cannot be read, and are made once more."""
    for number in range(40):
        an_account(world.database, f"one of many {number}")
    many = tuple(AccountSid(a_sid("AC", f"one of many {number}")) for number in range(40))
    sent = [_message(one, f"{n}", body=_noise(n) * 20) for one in many for n in range(8)]
    world.accept(sent)
    path = _segment_path(world)
    at = path.read_bytes().rindex(b"ARROW") if b"ARROW" in path.read_bytes() else path.stat().st_size * 9 // 10
    harm.flip(path, at)
    world.clock.pass_by(timedelta(minutes=11))
    world.work()
    assert len(_damages(world)) == 1
    whole = [one for one in many if _bodies(world, one) == _expected(sent, one)]
    assert 30 < len(whole) < 40
    world.clock.pass_by(timedelta(hours=7))
    world.work()
    assert world.stored_keys() == world.referred_keys()


def test_an_account_that_a_segment_does_not_name_keeps_what_it_had(world: World) -> None:
    """A row that was edited: the lines are the account's all the same, and so is its file."""
    sent = _late(world)
    world.accept(sent[-3:])
    with world.database.exclusively() as connection:
        connection.exec_driver_sql("UPDATE segment SET accounts = x'0102030405060708'")
    world.clock.pass_by(timedelta(minutes=11))
    world.work()
    for account in (ACME, OTHER, THIRD):
        assert _bodies(world, account) == _expected(sent, account)
    assert world.stored_keys() >= world.referred_keys()
    assert world.findings() == []


def test_a_segment_that_is_given_up_leaves_incomplete_days(world: World) -> None:
    """Each account that may have had lines in it has a manifest that says so, even where nothing is left."""
    world.accept(_large((ACME, OTHER)))
    path = _segment_path(world)
    beside = [_message(ACME, "beside"), _message(THIRD, "beside")]
    world.accept(beside)
    harm.remove(path)
    jobs = [_submit(world, account) for account in (ACME, OTHER)]
    with world.database.transaction() as tx:
        key = next(segment.key for segment in tx.segments.of_day(MESSAGES, _day()) if segment.key)
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
    assert [_status(world, job) for job in jobs] == [
        {(Status.COMPLETED, None)},
        {(Status.COMPLETED_EMPTY_RECORDS, None)},
    ]
    assert (world.findings(), _damages(world)) == ([], [])


def test_ties_with_lines_that_were_held_come_out_as_if_nothing_had_been_damaged(world: World) -> None:
    """Equal versions before, within and after what was held: the one accepted last counts."""
    before = _sealed(world, [_message(ACME, name, updated=5, body="before") for name in ("0000", "0001", "0002")])
    held = [_message(ACME, f"{number:04}", updated=5, body=_noise(number)) for number in range(500)]
    world.accept(held)
    path = _segment_path(world)
    was = harm.remove(path)
    after = _sealed(world, [_message(ACME, "0001", updated=5, body="with it"), _message(OTHER, "x")])
    after += _sealed(world, [_message(ACME, "0002", updated=5, body="after it")])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(was)
    world.clock.pass_by(timedelta(hours=1))
    world.work()
    assert _bodies(world, ACME) == _expected(before + held + after, ACME)
    assert (world.findings(), _damages(world)) == ([], [])


def test_a_damage_is_resolved_only_while_nobody_seals_the_day(world: World) -> None:
    """A seal that took later lines before would put them behind the ones that were held."""
    sent = _late(world)
    harm.flip(_path(world, ACME))
    _sealed(world, sent[-3:])
    [damage] = _damages(world)
    claim = world.sealing.claim(MESSAGES, _day(), worker="another")
    assert claim is not None
    with pytest.raises(InFlight, match="being sealed"):
        world.repairs.accept(damage.key, actor=ACTOR)
    world.clock.pass_by(timedelta(minutes=2))  # its lease runs out
    assert world.repairs.accept(damage.key, actor=ACTOR).state is DamageState.ACCEPTED


def test_a_segment_is_not_given_up_before_a_seal_has_used_what_is_sound(world: World) -> None:
    """A check may find it before; accepting it then would lose the sound blocks, too."""
    world.accept(_large((ACME,)))
    harm.flip(_segment_path(world), 1000)
    with world.database.transaction() as tx:
        [segment] = tx.segments.of_day(MESSAGES, _day())
        assert segment.key is not None
        tx.damages.record(
            FoundDamage(
                key=segment.key,
                kind=DamageKind.SEGMENT,
                account=None,
                accounts=segment.accounts,
                resource_type=MESSAGES,
                day=_day(),
                reason="found by a check",
            ),
            now=world.clock.now(),
        )
    with pytest.raises(NotSealedYet, match=f"dayfile seal Messages {DAY}"):
        world.repairs.accept(segment.key, actor=ACTOR)


def test_an_inline_segment_whose_bytes_have_changed_is_held(world: World) -> None:
    """Small batches are in the state database: their bytes can be damaged as well, and nobody else waits for them."""
    sent = [_message(ACME, "one"), _message(ACME, "two")]
    world.accept(sent)
    with world.database.exclusively() as connection:
        was = connection.exec_driver_sql("SELECT data FROM segment_inline").scalar_one()
        connection.exec_driver_sql("UPDATE segment_inline SET data = ?", (was[:-3] + b"abc",))
    others = _sealed(world, [_message(OTHER, "one")])
    assert _bodies(world, OTHER) == _expected(others, OTHER)
    [damage] = _damages(world)
    assert damage.kind is DamageKind.SEGMENT
    with world.database.exclusively() as connection:
        connection.exec_driver_sql("UPDATE segment_inline SET data = ?", (was,))
    assert world.repairs.retry(damage.key, actor=ACTOR).state is DamageState.REPAIRED
    world.work()
    assert _bodies(world, ACME) == _expected(sent, ACME)


def test_a_daily_export_is_withheld_until_its_damage_is_settled(world: World) -> None:
    """A run never runs again, so what it passes over is published by itself, once, with its notice."""
    for account in (ACME, OTHER, THIRD):
        world.enable(account)
    world.accept(sent := [_message(one, name, day=TODAY) for one in (ACME, OTHER) for name in ("first", "second")])
    with world.database.exclusively() as connection:
        was = connection.exec_driver_sql("SELECT data FROM segment_inline").scalar_one()
        connection.exec_driver_sql("UPDATE segment_inline SET data = ?", (b"nonsense",))
    world.accept(beside := [_message(THIRD, "first", day=TODAY)])
    world.clock.pass_by(timedelta(hours=14))
    world.work()
    listed = {one: [str(file.day) for file in world.listed(one)] for one in (ACME, OTHER, THIRD)}
    assert listed == {ACME: [], OTHER: [], THIRD: [TODAY]}
    assert _bodies(world, THIRD, TODAY) == _expected(beside, THIRD)
    with world.database.exclusively() as connection:
        connection.exec_driver_sql("UPDATE segment_inline SET data = ?", (was,))
    world.clock.pass_by(timedelta(hours=1))
    world.work()
    for account in (ACME, OTHER):
        [file] = world.listed(account)
        assert file.sealed is not None
        assert file.sealed.records == 2
        assert _bodies(world, account, TODAY) == _expected(sent, account)
    assert (world.findings(), _damages(world)) == ([], [])
