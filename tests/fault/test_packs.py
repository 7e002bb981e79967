"""Packs: damaged in one place or as a whole, rewritten, and cut off at every step of that."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from dayfile.errors import DamagedFile, DayfileError, Transient
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.export import SealedDay
from dayfile.model.resource import MESSAGES
from dayfile.objects.file_reader import FileReader
from tests.support import damage as harm
from tests.support.beginning import SESSIONS_OF_THE_DEAD, Beginning
from tests.support.clock import FakeClock
from tests.support.deployment import CLUSTER, LOCAL, Deployment
from tests.support.packed_day import (
    ACCOUNTS,
    DAY,
    a_packed_world,
    files_of,
    let_die,
    packs_of,
    revise,
    sweep,
    with_a_pack,
)
from tests.support.steps import Died, Lane, Steps
from tests.support.stored_file import StoredFile
from tests.support.world import ALL_PACKED, World

pytestmark = pytest.mark.filterwarnings(SESSIONS_OF_THE_DEAD)

LEAST_STEPS = 15
LANES = {LOCAL: 1, CLUSTER: 20}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An instance with one pack of a file for each account."""
    world = a_packed_world(tmp_path)
    yield world
    world.close()


def _read(world: World, sealed: SealedDay) -> bytes:
    return FileReader(world.database, world.storage, clock=world.clock).read(sealed, start=0, stop=sealed.size_bytes)


def _served(world: World) -> set[AccountSid]:
    """The accounts whose file can be downloaded."""
    served = set()
    for account, sealed in files_of(world).items():
        try:
            _read(world, sealed)
        except DamagedFile:
            continue
        served.add(account)
    return served


def _damaged(world: World) -> set[AccountSid | None]:
    with world.database.snapshot() as tx:
        return {damage.account for damage in tx.damages.page(limit=100)}


def _pack_path(world: World) -> Path:
    [pack] = packs_of(world)
    return world.objects.root / pack


def test_small_files_of_a_seal_share_one_object_in_the_order_of_accounts(world: World) -> None:
    """Each is a gzip member by itself, and nothing is between them."""
    [pack] = packs_of(world).values()
    files = files_of(world)
    ends = list(itertools.accumulate(files[account].size_bytes for account in ACCOUNTS))
    assert [files[account].place.start for account in ACCOUNTS] == [0, *ends[:-1]]
    assert (pack.size_bytes, pack.live_bytes, pack.live_files) == (ends[-1], ends[-1], len(ACCOUNTS))
    assert world.objects.size(pack.key) == pack.size_bytes
    assert all(len(world.lines(sealed)) == 1 for sealed in files.values())
    assert world.findings() == []


def test_a_byte_that_changes_damages_one_file_of_a_pack(world: World) -> None:
    """The others are served; the check names the one."""
    sealed = files_of(world)[ACCOUNTS[1]]
    harm.flip(StoredFile(world.objects.root, sealed))
    assert _served(world) == set(ACCOUNTS) - {ACCOUNTS[1]}
    assert _damaged(world) == {ACCOUNTS[1]}
    [finding] = world.check()
    assert (finding.subject, finding.account) == (sealed.key, ACCOUNTS[1])
    assert sealed.place.object_key in finding.detail, "what to restore"


def test_a_pack_that_is_cut_off_has_lost_the_files_of_its_end(world: World) -> None:
    """The files before are whole, whatever the size of the object is."""
    path = _pack_path(world)
    third = files_of(world)[ACCOUNTS[2]]
    whole = path.read_bytes()
    path.write_bytes(whole[: third.place.start + 5])
    assert _served(world) == set(ACCOUNTS[:2])
    assert _damaged(world) == set(ACCOUNTS[2:])
    path.write_bytes(whole)
    world.clock.pass_by(timedelta(hours=2))
    world.work()
    assert (_damaged(world), _served(world), world.findings()) == (set(), set(ACCOUNTS), [])


def test_a_pack_that_is_gone_is_a_damage_of_each_of_its_files(world: World) -> None:
    """And of no other; records that come later wait for them, and are sealed when it is back."""
    path = _pack_path(world)
    whole = harm.remove(path)
    assert _served(world) == set()
    revise(world, ACCOUNTS, updated=3)
    assert _damaged(world) == set(ACCOUNTS)
    path.write_bytes(whole)
    world.clock.pass_by(timedelta(hours=2))
    world.work()
    assert {record["body"] for account in ACCOUNTS for record in world.records(account, DAY)} == {"v3"}
    assert world.findings() == []


def test_a_pack_of_which_most_is_dead_is_rewritten(world: World) -> None:
    """The file that is left keeps its name, its bytes and its row; the old pack rests, and goes."""
    before = files_of(world)[ACCOUNTS[3]]
    let_die(world, ACCOUNTS[:3])
    assert world.pack_rewrite.step()
    after = files_of(world)[ACCOUNTS[3]]
    assert (after.id, after.key, after.sha256) == (before.id, before.key, before.sha256)
    assert after.place != before.place
    assert world.bytes_of(after) == world.bytes_of(before), "the old pack rests"
    sweep(world)
    assert not (world.objects.root / before.place.object_key).exists()
    assert world.stored_keys() == world.referred_keys()
    assert world.findings() == []
    assert not world.pack_rewrite.step()


def test_a_download_that_began_before_follows_the_rewrite(world: World) -> None:
    """It has read its row; the pack is rewritten and swept; then it opens the file."""
    before = files_of(world)[ACCOUNTS[3]]
    content = _read(world, before)
    let_die(world, ACCOUNTS[:3])
    assert world.pack_rewrite.step()
    sweep(world)
    assert _read(world, before) == content
    reader = FileReader(world.database, world.storage, clock=world.clock)
    assert b"".join(reader.blocks(before, start=5, stop=before.size_bytes)) == content[5:]
    assert _damaged(world) == set()


def test_a_damaged_file_stays_in_its_pack_when_that_is_rewritten(world: World) -> None:
    """It is named; the pack rests, and is rewritten when the file is whole again."""
    let_die(world, ACCOUNTS[:3])
    damaged, whole = (files_of(world)[account] for account in ACCOUNTS[3:])
    was = harm.flip(StoredFile(world.objects.root, damaged))
    assert world.pack_rewrite.step()
    now = files_of(world)
    assert now[ACCOUNTS[3]].place == damaged.place
    assert now[ACCOUNTS[4]].place != whole.place
    assert _damaged(world) == {ACCOUNTS[3]}
    assert not world.pack_rewrite.step(), "it is not tried again and again"
    StoredFile(world.objects.root, damaged).write_bytes(was)
    world.clock.pass_by(timedelta(hours=2))
    world.work()
    assert files_of(world)[ACCOUNTS[3]].place != damaged.place
    sweep(world)
    assert (world.findings(), world.stored_keys()) == ([], world.referred_keys())


def test_no_pack_is_rewritten_while_its_day_is_being_sealed(world: World) -> None:
    """The seal has read where the files are, and would take one that has moved for damaged."""
    let_die(world, ACCOUNTS[:3])
    before = files_of(world)
    claim = world.sealing.claim(MESSAGES, Day.parse(DAY), worker="another")
    assert claim is not None
    world.pack_rewrite.step()
    assert files_of(world) == before
    world.sealing.abandon(claim)
    world.clock.pass_by(timedelta(hours=2))
    assert world.pack_rewrite.step()
    assert files_of(world)[ACCOUNTS[3]].place != before[ACCOUNTS[3]].place
    sweep(world)
    assert (world.findings(), world.stored_keys()) == ([], world.referred_keys())


def test_a_file_that_is_forgotten_while_its_pack_is_rewritten_stays_forgotten(world: World) -> None:
    """It was copied; then retention forgot it; then the rows were to move."""
    let_die(world, ACCOUNTS[:3])
    revise(world, ACCOUNTS[3:4], updated=2)
    world.clock.pass_by(timedelta(hours=2))
    world.storage.after_put = lambda: _forget(world)
    assert world.pack_rewrite.step()
    assert sum(pack.live_files for pack in packs_of(world).values()) == len(ACCOUNTS)
    sweep(world)
    assert (world.findings(), world.stored_keys()) == ([], world.referred_keys())


def test_a_pack_that_is_emptied_while_it_is_rewritten_leaves_nothing(world: World) -> None:
    """All that was copied is forgotten before a row can move: the copy is given up."""
    let_die(world, ACCOUNTS[:3])
    revise(world, ACCOUNTS[3:], updated=2)
    world.clock.pass_by(timedelta(hours=2))
    world.storage.after_put = lambda: _forget(world)
    world.pack_rewrite.step()
    sweep(world)
    assert (world.findings(), world.stored_keys()) == ([], world.referred_keys())


def _forget(world: World) -> None:
    world.retention._rests_until = 0.0
    while world.retention.step():
        pass


def _rewrite(world: World) -> None:
    """Do the steps of workers for some hours: a rewrite that was cut off is taken up again."""
    for _ in range(3):
        while world.retention.step() | world.pack_rewrite.step() | world.sweep.step():
            pass
        world.clock.pass_by(timedelta(hours=7))


@pytest.mark.parametrize("recovers", [False, True])
def test_a_rewrite_that_is_cut_off_at_any_step_ends_the_same(
    deployment: Deployment, tmp_path: Path, *, lane: Lane, recovers: bool
) -> None:
    """Every file is there with its bytes, the pack is smaller, and nothing is left over."""
    beginning = Beginning(deployment, tmp_path / "begun", pack_below=ALL_PACKED)
    begun = with_a_pack(beginning.world)
    let_die(begun, ACCOUNTS[:3])
    content = {account: begun.bytes_of(sealed) for account, sealed in files_of(begun).items()}
    for step in lane.steps():
        steps, clock = Steps(at=step, recovers=recovers), FakeClock(begun.clock.now())
        world = beginning.copy(tmp_path / str(step), clock=clock, steps=steps, pack_below=ALL_PACKED)
        try:
            _rewrite(world)
        except (Died, Transient):
            world = world.restarted()
            world.clock.pass_by(timedelta(hours=2))
            _rewrite(world)
        files = files_of(world)
        assert {account: world.bytes_of(sealed) for account, sealed in files.items()} == content
        assert all(pack.live_bytes == pack.size_bytes for pack in packs_of(world).values())
        assert (world.findings(), world.stored_keys()) == ([], world.referred_keys())
        beginning.end(world)
        if not steps.was_reached:
            break
    assert step > LEAST_STEPS


def test_a_row_that_points_out_of_its_pack_gets_nobody_elses_bytes(world: World) -> None:
    """A row was edited: to the place of another account's file, beyond the end, to a pack that is not there."""
    mine, theirs = (files_of(world)[account] for account in ACCOUNTS[:2])
    edits: list[Callable[[], tuple[str, int]]] = [
        lambda: ("pack_offset", theirs.place.start),
        lambda: ("pack_offset", 10**9),
        lambda: ("pack_id", 999),
    ]
    for edit in edits:
        column, value = edit()
        with world.database.exclusively() as connection:
            connection.exec_driver_sql(f"UPDATE sealed_day SET {column} = ? WHERE id = ?", (value, mine.id))  # noqa: S608
        edited = files_of(world)[ACCOUNTS[0]]
        with pytest.raises(DayfileError):
            _read(world, edited)
        assert any(mine.key in finding for finding in world.findings())
