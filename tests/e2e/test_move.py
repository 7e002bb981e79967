"""Moves of an instance to other databases and storages, and back; whatever dies or fails on the way."""

from __future__ import annotations

import json
import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dayfile.cli.exit_codes import Outcome
from dayfile.errors import Conflict, Corrupt, DatabaseUnavailable, InFlight, Moved, StorageUnavailable, Unusable
from dayfile.files.storage_url import StorageUrl
from dayfile.service import Service
from dayfile.store.database import Database
from dayfile.store.instance import STORAGE
from dayfile.store.opening import find_fact
from tests.e2e.cli_instance import Instance
from tests.support.backups import empty, let_an_hour_pass, started
from tests.support.damage import flip
from tests.support.databases import a_new_database
from tests.support.full import fill
from tests.support.mounts import small_disk
from tests.support.moves import ACTOR, Mover, a_busy_world, bodies, broken, kept_rows, moved, objects_in, opens, reopen
from tests.support.packed_day import files_of
from tests.support.state import an_account
from tests.support.steps import Died, Steps
from tests.support.swift import Bucket
from tests.support.world import QuickSettings, World


def _at(folder: Path, world: World, *, database: str, storage: str) -> QuickSettings:
    """The settings with which the instance of a world is used in another place."""
    return world.settings.model_copy(update={"data_dir": folder, "database_url": database, "storage_url": storage})


def only(keys: set[str], objects: dict[str, bytes]) -> dict[str, bytes]:
    """The objects that something refers to: garbage stays behind."""
    return {key: objects[key] for key in keys}


@pytest.fixture
def empty_server(tmp_path: Path) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    with a_new_database("postgresql", tmp_path) as url:
        empty(url)
        yield url


def test_an_instance_moves_to_postgresql_and_a_bucket_and_back(
    tmp_path: Path, bucket: Bucket, empty_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every row and every byte is the same in each place; the old one is closed, and work goes on in the new one."""
    for name, value in bucket.environment().items():
        monkeypatch.setenv(name, value)
    world = a_busy_world(tmp_path / "old")
    needed = world.referred_keys()
    world.close()
    rows, files = kept_rows(world.settings.database), only(needed, objects_in(tmp_path / "old" / "objects"))
    there = moved(world.settings, world.clock, database=empty_server, storage=bucket.url)
    assert there is not None
    assert (there.objects, there.copied, there.damaged, there.missing) == (len(files), len(files), (), ())
    assert kept_rows(empty_server) == rows
    assert bucket.objects() == len(files)
    assert find_fact(empty_server, STORAGE) == StorageUrl.parse(bucket.url).whereabouts
    assert not opens(world.settings)
    remote = _at(tmp_path / "old", world, database=empty_server, storage=bucket.url)
    back = f"sqlite:///{tmp_path}/new/dayfile.sqlite"
    assert moved(remote, world.clock, database=back, storage=f"file://{tmp_path}/new/objects") is not None
    assert kept_rows(back) == rows
    assert objects_in(tmp_path / "new" / "objects") == files
    assert not opens(remote)
    new = started(tmp_path / "new", at=world)
    assert broken(new) == []
    assert files_of(new) != {}
    assert bodies(new) == ["v2", "v3"]
    assert broken(new) == []
    assert only(needed, objects_in(tmp_path / "old" / "objects")) == files
    new.close()


@pytest.mark.parametrize("what", ["both", "storage"])
def test_wherever_a_move_dies_one_place_is_the_instance_and_it_goes_on(tmp_path: Path, what: str) -> None:
    """At each step of the copying: what was begun is ended by the same command, and nothing is there twice or never."""
    world = a_busy_world(tmp_path / "first")
    needed = world.referred_keys()
    world.close()
    rows, files = kept_rows(world.settings.database), only(needed, objects_in(tmp_path / "first" / "objects"))
    was_reached, at = True, 0
    while was_reached:
        at += 1
        folder, steps = tmp_path / f"at {at}", Steps(at=at)
        shutil.copytree(tmp_path / "first", folder / "old")
        database = f"sqlite:///{folder}/old/dayfile.sqlite"
        old = _at(folder / "old", world, database=database, storage=f"file://{folder}/old/objects")
        to: dict[str, Any] = {"database": f"sqlite:///{folder}/new/dayfile.sqlite" if what == "both" else None}
        to["storage"] = f"file://{folder}/new/objects"
        new = _at(folder / "old", world, database=to["database"] or database, storage=to["storage"])
        try:
            moved(old, world.clock, **to, steps=steps)
        except Died:
            was_open = opens(old)
            assert not (was_open and what == "both" and opens(new))
            if opens(new) and not was_open:
                assert what == "storage" or moved(old, world.clock, **to) is None
            else:
                moved(old, world.clock, **to)
        was_reached = steps.was_reached
        assert (opens(old), opens(new)) == (False, True)
        assert kept_rows(new.database) == rows
        assert objects_in(folder / "new" / "objects") == files
        shutil.rmtree(folder)
    assert at > 25


def test_a_move_that_died_when_its_database_was_there_is_done(tmp_path: Path, empty_server: str) -> None:
    """The copy says which move has made it: it is neither copied again nor taken for another instance."""
    world = a_busy_world(tmp_path / "old")
    world.close()
    shutil.copytree(tmp_path / "old", tmp_path / "trial")
    trial = world.settings.model_copy(update={"database_url": f"sqlite:///{tmp_path}/trial/dayfile.sqlite"})
    steps = Steps()
    assert moved(trial, world.clock, database=f"sqlite:///{tmp_path}/tried.sqlite", steps=steps) is not None
    with pytest.raises(Died):  # before the last transaction, which notes that it is done
        moved(world.settings, world.clock, database=empty_server, steps=Steps(at=steps.taken - 2))
    there = world.settings.model_copy(update={"database_url": empty_server})
    assert (opens(world.settings), opens(there)) == (False, True)
    with pytest.raises(Conflict, match="by now, and what came there is not here"):
        reopen(world.settings, world.clock, database=empty_server)
    assert moved(world.settings, world.clock, database=empty_server) is None
    with pytest.raises(Unusable, match="has moved to postgresql://"):
        Service.find(world.settings)
    assert kept_rows(empty_server) == kept_rows(world.settings.database)


def test_a_target_with_something_in_it_is_left_as_it_is(tmp_path: Path, empty_server: str) -> None:
    """Another instance, one of a newer version, objects of anybody, or another move that was not ended."""
    world, other = a_busy_world(tmp_path / "old"), a_busy_world(tmp_path / "other")
    world.close()
    other.close()
    before = objects_in(tmp_path / "other")
    with pytest.raises(Conflict, match=r"dayfile\.sqlite already, and it is left as it is: name an empty place"):
        moved(world.settings, world.clock, database=other.settings.database)
    with pytest.raises(Conflict, match="which belongs to another instance"):
        moved(world.settings, world.clock, storage=f"{tmp_path}/other/objects")
    (tmp_path / "pictures" / "photos").mkdir(parents=True)
    with pytest.raises(Conflict, match="that storage has photos: name an empty place"):
        moved(world.settings, world.clock, storage=f"{tmp_path}/pictures")
    with pytest.raises(Unusable, match="name one apart"):
        moved(world.settings, world.clock, storage=f"{tmp_path}/old/objects/inside")
    with pytest.raises(Unusable, match=r"already: leave --to-database out"):
        moved(world.settings, world.clock, database=world.settings.database)
    with closing(Database.connect(empty_server)) as newer, newer.exclusively() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('9999')")
    with pytest.raises(Conflict, match="of a newer version of Dayfile, and it is left"):
        moved(world.settings, world.clock, database=empty_server)
    assert opens(world.settings)
    assert objects_in(tmp_path / "other") == before
    elsewhere = f"{tmp_path}/elsewhere"
    with pytest.raises(Died):
        moved(other.settings, other.clock, storage=elsewhere, steps=Steps(at=12))
    with pytest.raises(Conflict, match="another instance is on its way into that storage"):
        moved(world.settings, world.clock, storage=elsewhere)
    with pytest.raises(Conflict, match=r"on its way to file://.*Another place"):
        moved(other.settings, other.clock, storage=f"{tmp_path}/third")


def test_nobody_moves_what_is_in_use(tmp_path: Path) -> None:
    """A worker, a server and a backup are named; whoever was not seen is cut off, and told."""
    world = a_busy_world(tmp_path / "old")
    to = f"sqlite:///{tmp_path}/new/dayfile.sqlite"
    world.service.presence.start()
    with pytest.raises(InFlight, match=r"in use: the worker .*Stop every process"):
        moved(world.settings, world.clock, database=to)
    world.service.presence.stop()
    with pytest.raises(InFlight, match=r"another process has .*dayfile\.sqlite open"):
        moved(world.settings, world.clock, database=to)
    with closing(Mover(world.settings, world.clock)) as mover:
        mover.move.begin(mover.destination(database=to), actor=ACTOR)
    with pytest.raises(Moved, match="is closed, since its instance moves"):
        an_account(world.database, "late")
    with pytest.raises(Moved):
        world.database.probe()
    world.close()
    moved(world.settings, world.clock, database=to)
    with pytest.raises(Unusable, match="has moved to sqlite:"):
        Service.open(world.settings)


def test_damage_that_nobody_knew_of_stops_a_move(tmp_path: Path) -> None:
    """It is named; the old place can be opened again and repaired, or moved as it is."""
    world = a_busy_world(tmp_path / "old")
    [pack, *_] = [key for key in world.referred_keys() if "pack-" in key and not key.endswith(".gz")]
    world.close()
    to: dict[str, Any] = {
        "database": f"sqlite:///{tmp_path}/new/dayfile.sqlite",
        "storage": f"file://{tmp_path}/new/objects",
    }
    flip(tmp_path / "old" / "objects" / pack)
    with pytest.raises(Corrupt, match=r"pack-.*nobody knew.*--reopen.*--despite-damage"):
        moved(world.settings, world.clock, **to)
    assert not opens(world.settings)
    reopen(world.settings, world.clock)
    assert opens(world.settings)
    flip(tmp_path / "old" / "objects" / pack)
    assert moved(world.settings, world.clock, **to) is not None  # what the first one has brought is compared again
    assert not (tmp_path / "new" / "objects" / "moves").exists()
    new = _at(tmp_path / "old", world, **to)
    flip(tmp_path / "new" / "objects" / pack)
    there = moved(new, world.clock, storage=f"{tmp_path}/third", despite_damage=True)
    assert there is not None
    assert there.damaged == (pack,)


def test_a_damaged_database_is_told_and_moves_nowhere(tmp_path: Path) -> None:
    """A copy of it would be damaged as well, and nobody would know since when."""
    world = a_busy_world(tmp_path / "old")
    world.close()
    file = tmp_path / "old" / "dayfile.sqlite"
    with file.open("r+b") as opened:
        opened.seek(8 * 4096)
        opened.write(bytes(range(256)) * (file.stat().st_size // 256 - 2 * 8 * 16))
    with pytest.raises((Corrupt, DatabaseUnavailable, Unusable), match=r"damaged|malformed|disk image"):
        moved(world.settings, world.clock, database=f"sqlite:///{tmp_path}/new/dayfile.sqlite")
    assert not (tmp_path / "new").exists()


def test_a_target_that_is_full_is_told_and_the_move_goes_on_when_there_is_room(tmp_path: Path) -> None:
    """Nothing is lost meanwhile: the old place is whole, and can be opened again."""
    world = a_busy_world(tmp_path / "old")
    world.close()
    with small_disk(tmp_path / "disk", megabytes=2) as disk:
        to: dict[str, Any] = {"database": f"sqlite:///{disk}/dayfile.sqlite", "storage": f"file://{disk}/objects"}
        filler = fill(disk, but=100_000)
        with pytest.raises(StorageUnavailable, match="the disk is full"):
            moved(world.settings, world.clock, **to)
        assert not (disk / "dayfile.sqlite").exists()
        with pytest.raises(Conflict, match=r"and not to sqlite:////elsewhere\.sqlite"):
            reopen(world.settings, world.clock, database="sqlite:////elsewhere.sqlite")
        reopen(world.settings, world.clock)
        assert opens(world.settings)
        filler.unlink()
        assert moved(world.settings, world.clock, **to) is not None
        assert opens(_at(tmp_path / "old", world, **to))


def test_the_old_place_is_opened_again_only_if_the_new_one_is_no_instance(tmp_path: Path) -> None:
    """Otherwise there were two, and each would have what the other one lacks."""
    world = a_busy_world(tmp_path / "old")
    world.close()
    to = f"sqlite:///{tmp_path}/new/dayfile.sqlite"
    reopen(world.settings, world.clock)  # an open one stays open
    with closing(Mover(world.settings, world.clock)) as mover:
        mover.move.begin(mover.destination(database=to), actor=ACTOR)
    reopen(world.settings, world.clock)
    assert moved(world.settings, world.clock, database=to) is not None
    with pytest.raises(Conflict, match="--despite-new-place"):
        reopen(world.settings, world.clock)
    assert not opens(world.settings)
    reopen(world.settings, world.clock, despite=True)
    assert opens(world.settings)


def _an_instance_with_records(folder: Path) -> tuple[Instance, str]:
    """An instance with a sealed day and records that wait, and the sid of its account."""
    old, at = Instance(folder), "2026-10-01T10:00:00Z"
    old.run("init")
    account: str = old.json("accounts", "create", "--name", "Acme")["account_sid"]
    dates = {"date_created": at, "date_updated": at}
    for name in ("first", "late"):
        lines = ({"sid": f"SM{n:032}", "account_sid": account, "body": name, **dates} for n in range(3))
        (folder / name).write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    old.run("intake", "Messages", "first")
    old.run("seal")
    old.run("intake", "Messages", "late")
    return old, account


def test_the_command_moves_an_instance_though_it_is_killed_twice(tmp_path: Path) -> None:
    """While it copies objects, and after that; the end says what to set, and neither half of the settings works."""
    old, account = _an_instance_with_records(tmp_path)
    database, storage = f"sqlite:///{tmp_path}/new/dayfile.sqlite", f"file://{tmp_path}/new/objects at last"
    to = ["--to-database", database, "--to-storage", storage]
    assert "--yes" in old.run("move", *to, expect=Outcome.USAGE).stderr
    for step in ("put:3", "commit:4"):
        with old.start("move", *to, "--yes", doomed_at=step) as killed:
            assert killed.wait() == -signal.SIGKILL
        assert "`dayfile move` again" in old.run("status", expect=Outcome.FAILED).stderr
    said = old.run("move", *to, "--yes")
    assert f"Set DAYFILE_DATABASE_URL={database}" in said.stderr
    assert "secret.key" not in said.stderr  # it is where it was
    assert old.json("move", *to)["left"] == [
        f"sqlite:///{tmp_path}/data/dayfile.sqlite",
        f"file://{tmp_path}/data/objects",
    ]
    for words in (["serve", "--port", "0"], ["work"], ["backup", "b"], ["status"], ["intake", "Messages", "late"]):
        assert "has moved to" in old.run(*words, expect=Outcome.FAILED).stderr
    half = Instance(tmp_path, {"DAYFILE_DATABASE_URL": database})
    for words in (["serve", "--port", "0"], ["seal"]):
        assert f"set DAYFILE_STORAGE_URL={storage}" in half.run(*words, expect=Outcome.FAILED).stderr
    new = Instance(tmp_path, {"DAYFILE_DATABASE_URL": database, "DAYFILE_STORAGE_URL": storage})
    new.run("seal")
    assert "All is well" in new.run("check", "--deep").stdout
    assert [one["account_sid"] for one in new.json("accounts", "list")] == [account]
    assert "it is not being moved" in new.run("move", "--reopen").stdout
    assert new.json("move", "--reopen") == {"reopened": False}
    assert "nothing to move" in new.run("move", expect=Outcome.FAILED).stderr


def test_what_a_move_says_to_set_is_all_that_has_to_be_set(tmp_path: Path, empty_server: str) -> None:
    """Its advice, followed word for word, makes an instance that works, from SQLite to PostgreSQL and back."""
    old, account = _an_instance_with_records(tmp_path)
    old.variables |= {"DAYFILE_STORAGE_PUBLIC_URL": "https://store.example.com"}
    said = old.run("move", "--to-database", empty_server, "--yes")
    assert "object" not in said.stdout  # they stay
    assert "STORAGE" not in said.stderr
    there = _as_told(old, said.stderr, empty_server)
    assert "All is well" in there.run("check", "--deep").stdout
    there.variables |= {"DAYFILE_DATABASE_LISTEN_URL": empty_server}
    back = ["--to-database", f"sqlite:///{tmp_path}/back.sqlite", "--to-storage", str(tmp_path / "back")]
    here = _as_told(there, there.run("move", *back, "--yes").stderr, empty_server)
    assert {"DAYFILE_DATABASE_LISTEN_URL", "DAYFILE_STORAGE_PUBLIC_URL"}.isdisjoint(here.variables)
    assert "All is well" in here.run("check", "--deep").stdout
    assert [one["account_sid"] for one in here.json("accounts", "list")] == [account]


def _as_told(instance: Instance, said: str, server: str) -> Instance:
    """The command line of somebody who has done what the lines of advice say."""
    variables = dict(instance.variables)
    variables |= dict(re.findall(r"^Set (DAYFILE_\w+)=([^\s,]+)", said, flags=re.MULTILINE))
    if variables.get("DAYFILE_DATABASE_URL", "").startswith("postgresql:"):
        variables["DAYFILE_DATABASE_URL"] = server  # with the password
    for name, file in re.findall(r"^Set (DAYFILE_\w+) to what is in (\S+):", said, flags=re.MULTILINE):
        variables[name] = Path(file).read_text().strip()
    for name in re.findall(r"^Remove (DAYFILE_\w+),", said, flags=re.MULTILINE):
        del variables[name]
    return Instance(instance.folder, variables)


def test_a_clock_that_is_doubted_after_a_move_is_told(tmp_path: Path) -> None:
    """Objects take hours to copy, and nothing runs meanwhile: the check that it names next must not fail for that."""
    old, _ = _an_instance_with_records(tmp_path)
    old.run("clock", "accept")
    let_an_hour_pass(tmp_path / "data" / "dayfile.sqlite")
    said = old.run("move", "--to-storage", str(tmp_path / "new"), "--yes").stderr
    new = _as_told(old, said, "")
    if "`dayfile clock accept` first" in said:
        new.run("clock", "accept")
    assert "All is well" in new.run("check", "--deep").stdout
