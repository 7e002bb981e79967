"""The scrub: what is read again, how much in a second, and what becomes of damage."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from io import FileIO
from pathlib import Path

import pytest

from dayfile.files.storage import LocalStorage
from dayfile.model.account import AccountSid
from dayfile.model.damage import DamageState
from dayfile.model.export import SealedDay
from dayfile.objects.layout import marker_mark
from tests.support.packed_day import ACCOUNTS, a_packed_world, files_of
from tests.support.recorded_log import recorded_log
from tests.support.records import Sent
from tests.support.scrub_walk import walk
from tests.support.state import a_sid, an_account
from tests.support.world import SCRUB_BYTES, World

ACME = AccountSid(a_sid("AC", "acme"))
DAY, WAITING = "2026-11-01", "2026-11-02"
WEEK = timedelta(days=7)


def messages(day: str, count: int) -> list[Sent]:
    """Return messages that gzip can do little with."""
    return [
        Sent(
            account=ACME,
            name=f"{day} {number}",
            created=f"{day}T10:{number // 60 % 60:02}:{number % 60:02}Z",
            updated=f"{day}T11:00:00Z",
            body=a_sid("XX", f"{number}") * 20,
        )
        for number in range(count)
    ]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An instance with a sealed file, and a segment that waits in an object."""
    world = World(tmp_path, scrub_days=7)
    an_account(world.database, "acme")
    world.accept(messages(DAY, 20))
    world.seal(DAY)
    world.accept(messages(WAITING, 500))
    yield world
    world.close()


def sealed_file(world: World) -> tuple[SealedDay, Path]:
    """Return the sealed day and its object."""
    sealed = world.sealed(ACME, DAY)
    assert sealed is not None
    return sealed, world.objects.root / sealed.key


def segment_path(world: World) -> Path:
    """Return the object that waits."""
    [path] = (world.objects.root / "segments" / "type=Messages" / f"day={WAITING}").iterdir()
    return path


def damaged(world: World) -> list[str]:
    """Return the objects that are known to be damaged."""
    with world.database.snapshot() as tx:
        return [damage.key for damage in tx.damages.page(limit=10)]


def flip(path: Path, *, keep_time: bool = False) -> None:
    """Change a byte of a file in its middle; with `keep_time`, as a disk does it."""
    was = path.stat()
    content = path.read_bytes()
    path.chmod(0o600)
    middle = len(content) // 2
    path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    if keep_time:
        os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))


def test_whole_objects_are_no_damage(world: World) -> None:
    """An alarm that means nothing is switched off."""
    walk(world)
    assert damaged(world) == []
    with world.database.snapshot() as tx:
        assert len(tx.read_objects.of_keys(list(world.objects.scan("")))) == 3  # the manifest of the seal, too


@pytest.mark.parametrize("reader", ["scrub", "deep check"])
def test_a_pack_is_read_by_one_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: str) -> None:
    """A hundred thousand small accounts were as many requests for each day that is kept, and a store has them paid."""
    world = a_packed_world(tmp_path, scrub_days=7)
    requests: list[str] = []

    def noted(storage: LocalStorage, key: str, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        requests.append(key)
        return read_really(storage, key, start=start, stop=stop)

    read_really = LocalStorage.read
    monkeypatch.setattr(LocalStorage, "read", noted)
    if reader == "scrub":
        walk(world)
    else:
        assert world.findings() == []
    [pack] = {sealed.place.object_key for sealed in files_of(world).values()}
    assert requests.count(pack) == 1
    world.close()


def test_files_beside_a_damaged_one_are_remembered_as_read(tmp_path: Path) -> None:
    """Damage of one file of a pack says nothing of the others, which are not read again and again."""
    world = a_packed_world(tmp_path, scrub_days=7)
    files = files_of(world)
    bad = files[ACCOUNTS[2]]
    path = world.objects.root / bad.place.object_key
    content = bytearray(path.read_bytes())
    content[bad.place.start + bad.size_bytes // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)
    walk(world)
    assert damaged(world) == [bad.key]
    with world.database.snapshot() as tx:
        read = tx.read_objects.of_keys([sealed.key for sealed in files.values()])
    assert read.keys() == {sealed.key for sealed in files.values() if sealed.key != bad.key}
    world.close()


def test_a_sealed_file_that_was_changed_is_found_soon(world: World) -> None:
    """Its time of modification gives it away; it is named with object, account and day."""
    sealed, path = sealed_file(world)
    walk(world)
    flip(path)
    with recorded_log() as log:
        walk(world)
        line = log.next("damage.found")
    assert (line["object"], line["account"], line["day"]) == (sealed.key, ACME, DAY)
    assert damaged(world) == [sealed.key]


def test_a_waiting_segment_that_was_changed_is_found_before_it_is_sealed(world: World) -> None:
    """Its sender may still have the records."""
    path = segment_path(world)
    walk(world)
    flip(path)
    walk(world)
    assert damaged(world) == [str(path.relative_to(world.objects.root))]


@pytest.mark.parametrize("is_sealed", [True, False])
def test_what_a_disk_changed_is_found_within_the_time(world: World, is_sealed: bool) -> None:
    """Nothing tells but the reading: each object is read again after a week, and not before."""
    path = sealed_file(world)[1] if is_sealed else segment_path(world)
    walk(world)
    flip(path, keep_time=True)
    walk(world)
    assert damaged(world) == []
    world.clock.pass_by(WEEK)
    walk(world)
    assert damaged(world) == [str(path.relative_to(world.objects.root))]


def test_an_object_that_is_gone_or_cut_is_found(world: World) -> None:
    """It takes no reading."""
    _, path = sealed_file(world)
    segment_path(world).unlink()
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1])
    walk(world)
    assert len(damaged(world)) == 2


def test_an_object_that_cannot_be_read_now_holds_up_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that somebody took the permission from is no damage, and no reason to look no further."""
    sealed, path = sealed_file(world)

    def refused(name: Path | str) -> FileIO:
        if str(name) == str(path):
            raise PermissionError(13, "Permission denied")
        return FileIO(name)

    for place in ("storage", "reused_blocks"):  # what is not read beside its neighbours is read by itself
        monkeypatch.setattr(f"dayfile.files.{place}.FileIO", refused)
    flip(segment_path(world))
    with recorded_log() as log:
        walk(world)
        assert log.next("scrub.waiting")["object"] == sealed.key
    assert damaged(world) == [str(segment_path(world).relative_to(world.objects.root))]


def test_no_more_is_read_in_a_second_than_is_set(world: World) -> None:
    """A disk has other work to do, and so have those who wait for it."""
    for number in range(3, 9):
        world.accept(messages(f"2026-11-{number:02}", 1500))
    size = sum(world.objects.size(key) for key in world.objects.scan(""))
    assert size > 3 * SCRUB_BYTES
    seconds = 0
    while len(read(world)) < 8:
        assert seconds < 60
        world.clock.pass_by(timedelta(seconds=1))
        world.scrub.step()
        world.scrub.step()  # in the same second there is nothing more to read
        seconds += 1
    assert seconds >= 3


def read(world: World) -> set[str]:
    """Return the objects that are remembered as read."""
    with world.database.snapshot() as tx:
        return set(tx.read_objects.of_keys(list(world.objects.scan(""))))


def test_a_process_that_ended_loses_little_of_what_was_read(world: World) -> None:
    """Each restart would begin a week anew."""
    walk(world)
    remembered = read(world)
    again = world.restarted()
    flip(sealed_file(again)[1], keep_time=True)
    walk(again)
    assert (read(again), damaged(again)) == (remembered, [])
    again.close()


def test_one_worker_of_all_reads(world: World) -> None:
    """Ten of them would read ten times as much."""
    world.scrub.step()
    other = World(world.folder, clock=world.clock, process=2, scrub_days=7)
    flip(sealed_file(world)[1])
    walk_of_one(other)
    assert damaged(world) == []
    world.clock.pass_by(timedelta(minutes=20))
    walk(other)  # the first has been silent for long
    assert len(damaged(world)) == 1
    other.close()


def walk_of_one(world: World) -> None:
    """Let a worker look several times, at once."""
    for _ in range(5):
        world.scrub.step()


def test_what_is_forgotten_is_no_longer_remembered(world: World) -> None:
    """The memory of what was read must not grow for ever."""
    walk(world)
    path = segment_path(world)
    world.seal(WAITING)
    path.unlink(missing_ok=True)
    assert len(remembered_keys(world)) == 3
    for _ in range(5):
        world.clock.pass_by(WEEK)
        walk(world)
    assert remembered_keys(world) == {key for key in world.objects.scan("sealed/") if not marker_mark(key)}


def remembered_keys(world: World) -> set[str]:
    """Return all that is remembered."""
    with world.database.engine.connect() as connection:
        return set(connection.exec_driver_sql("SELECT object_key FROM read_object").scalars())


def test_damage_that_was_accepted_is_not_found_again(world: World) -> None:
    """The operator has decided; the old file stays as wrong as it was until it is forgotten."""
    sealed, path = sealed_file(world)
    flip(path)
    walk(world)
    with world.database.transaction() as tx:
        damage = tx.damages.get(sealed.key)
        tx.damages.resolve(damage.id, DamageState.ACCEPTED, now=world.clock.now())
        tx.damages.settle([damage.id], now=world.clock.now())
    flip(path)
    flip(path)
    walk(world)
    assert damaged(world) == []
