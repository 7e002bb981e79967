"""Sealed days found again from the storage alone, when the state database is lost."""

from __future__ import annotations

import itertools
import json
import shutil
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from dayfile.cli.exit_codes import Outcome
from dayfile.errors import Conflict, InFlight, Unusable
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.export import SealedDay
from dayfile.model.resource import MESSAGES
from dayfile.objects.layout import manifest_mark, marker_mark
from dayfile.objects.rebuild import Rebuild, Rebuilt
from dayfile.objects.sweep import Sweep
from tests.conftest import ROOT
from tests.e2e.cli_instance import Instance
from tests.support.clock import FakeClock
from tests.support.damage import flip
from tests.support.packed_day import ACCOUNTS, DAY, NAMES, a_packed_world, files_of, let_die, revise, sweep
from tests.support.state import a_database, an_account
from tests.support.steps import Died, Steps
from tests.support.world import World


def _rebuilt(world: World, folder: Path) -> tuple[Rebuilt, World]:
    """The instance with a new, empty database on the same objects, after a rebuild."""
    world.close()
    folder.mkdir()
    (world.folder / "objects").rename(folder / "objects")
    new = World(folder, clock=world.clock, process=9)
    return Rebuild(new.database, new.objects, clock=new.clock).run(), new


def _manifests(files: dict[AccountSid, SealedDay]) -> list[object]:
    """The manifests of files, and their places, without the numbers of rows."""
    return [
        (
            one.account,
            one.resource_type.name,
            str(one.day),
            one.revision,
            one.key,
            one.records,
            (one.size_bytes, one.plain_bytes, one.sha256, one.plain_sha256, one.encoder, one.xxh3),
            (one.first_created_at, one.last_created_at, one.sealed_at, one.is_incomplete),
            (one.place.object_key, one.place.start),
        )
        for one in files.values()
    ]


def test_sealed_days_are_rebuilt_with_equal_manifests(tmp_path: Path) -> None:
    """Revisions, packs, a rewritten pack among them: each file is where it is, and what it was."""
    world = a_packed_world(tmp_path / "old")
    let_die(world, ACCOUNTS[:3])
    assert world.pack_rewrite.step()
    revise(world, ACCOUNTS[1:2], updated=3)
    sweep(world)
    before = _manifests(files_of(world))
    rebuilt, new = _rebuilt(world, tmp_path / "new")
    assert _manifests(files_of(new)) == before
    assert (rebuilt.unmarked, rebuilt.unreadable, rebuilt.missing) == ((), (), ())
    assert new.findings() == []
    for name in NAMES:
        an_account(new.database, name)
    revise(new, ACCOUNTS, updated=4)
    new.clock.pass_by(timedelta(hours=8))
    new.work()
    assert {str(record["body"]) for sealed in files_of(new).values() for record in new.records_of(sealed)} == {"v4"}
    sweep(new)
    assert (new.findings(), new.stored_keys()) == ([], new.referred_keys())
    new.close()


def test_an_uncommitted_seal_is_listed_and_not_taken(tmp_path: Path) -> None:
    """Its day has a committed one; what it made is as if it had never been."""
    world = a_packed_world(tmp_path / "old")
    before = _manifests(files_of(world))
    revise(world, ACCOUNTS[:2], updated=2)
    [last] = [key for key in world.stored_keys() if (mark := marker_mark(key)) and mark == _last_mark(world)]
    world.objects.delete([last])
    rebuilt, new = _rebuilt(world, tmp_path / "new")
    assert _manifests(files_of(new)) == before
    assert [manifest_mark(key) for key in rebuilt.unmarked] == [marker_mark(last)]
    new.close()


def test_a_day_without_any_committed_seal_takes_the_newest_and_those_before(tmp_path: Path) -> None:
    """No marker was written: nobody says that a seal was not committed, either."""
    world = a_packed_world(tmp_path / "old")
    revise(world, ACCOUNTS[:2], updated=2)
    before = _manifests(files_of(world))
    world.objects.delete([key for key in world.stored_keys() if marker_mark(key)])
    rebuilt, new = _rebuilt(world, tmp_path / "new")
    assert _manifests(files_of(new)) == before
    assert (rebuilt.seals, len(rebuilt.unmarked)) == (2, 2)
    new.close()


def test_damaged_manifests_and_missing_objects_are_named(tmp_path: Path) -> None:
    """The rest of the storage is brought all the same."""
    world = a_packed_world(tmp_path / "old")
    revise(world, ACCOUNTS[:1], updated=2)
    sealed = files_of(world)[ACCOUNTS[0]]
    world.objects.delete([sealed.place.object_key])
    first = next(key for key in sorted(world.stored_keys()) if (m := manifest_mark(key)) and m != _last_mark(world))
    flip(world.objects.root / first)
    rebuilt, new = _rebuilt(world, tmp_path / "new")
    assert (rebuilt.unreadable, rebuilt.missing) == ((first,), (sealed.key,))
    assert files_of(new) == {}
    new.close()


def test_a_database_that_knows_sealed_days_is_not_rebuilt(tmp_path: Path) -> None:
    """It would have them twice."""
    world = a_packed_world(tmp_path)
    with pytest.raises(Conflict, match="DAYFILE_DATABASE_URL"):
        Rebuild(world.database, world.objects, clock=world.clock).run()
    world.close()


def _sweep_as_a_worker(world: World, folder: Path) -> None:
    """Delete what an older worker would, to which nobody says that it is no instance: at once, and days later."""
    clock = FakeClock(world.clock.now())
    with closing(a_database(folder)) as database:
        for _ in range(3):
            sweep = Sweep(database, world.objects, clock=clock)
            while sweep.step():
                pass
            clock.pass_by(timedelta(days=2))
            with database.transaction() as tx:
                assert tx.seals.is_free(MESSAGES, Day.parse(DAY), now=clock.now())


def test_a_rebuild_that_died_has_made_no_instance(tmp_path: Path) -> None:
    """Some of its days would look as if there had never been a record, and be sealed as if for the first time.

    No worker, not even one that runs beside it, takes what it brings for what a dead seal has left.
    """
    world = a_packed_world(tmp_path / "old")
    before, there = _manifests(files_of(world)), world.stored_keys()
    refused: list[str] = []
    world.close()
    for at in itertools.count(1):
        folder, steps = tmp_path / f"at {at}", Steps(at=at)
        shutil.copytree(tmp_path / "old" / "objects", folder / "objects")
        new = World(folder, clock=world.clock, process=9, steps=steps)
        with suppress(Died):
            Rebuild(new.database, new.objects, clock=new.clock).run()
        new.close()
        _sweep_as_a_worker(new, folder)
        assert set(new.objects.scan("")) == there
        try:
            new = World(folder, clock=world.clock)
        except Unusable as error:
            refused.append(str(error))
            continue
        assert _manifests(files_of(new)) in ([], before)
        new.close()
        if not steps.was_reached:
            break
    assert len(refused) > 10
    assert all("has not come to its end" in told and "run `dayfile rebuild` again" in told for told in refused)


def test_a_database_that_is_in_use_is_not_rebuilt(tmp_path: Path) -> None:
    """A worker would seal days that are not brought yet, as if for the first time."""
    world = a_packed_world(tmp_path / "old")
    world.close()
    (tmp_path / "old" / "objects").rename(tmp_path / "objects")
    new = World(tmp_path, clock=world.clock, process=9)
    new.service.presence.start()
    with pytest.raises(InFlight, match=r"in use: the worker .*Stop every process"):
        Rebuild(new.database, new.objects, clock=new.clock).run()
    new.service.presence.stop()
    other = World(tmp_path, clock=world.clock, process=10)
    with other.database.snapshot(), pytest.raises(InFlight, match=r"another process has .*dayfile\.sqlite open"):
        Rebuild(new.database, new.objects, clock=new.clock).run()
    other.close()
    assert Rebuild(new.database, new.objects, clock=new.clock).run().files == len(NAMES)
    new.close()


def test_the_command_says_what_it_brings_and_what_it_cannot(tmp_path: Path) -> None:
    """The operator has lost the database, and has the storage."""
    instance = Instance(tmp_path)
    instance.run("init")
    account = instance.json("accounts", "create")["account_sid"]
    line = {"sid": "SM" + "1" * 32, "account_sid": account, "date_created": "2026-10-01T10:00:00Z"}
    line |= {"date_updated": "2026-10-01T10:00:01Z"}
    (tmp_path / "messages").write_text(json.dumps(line) + "\n")
    instance.run("intake", "Messages", "messages")
    instance.run("seal", "Messages", "2026-10-01")
    for path in (tmp_path / "data").glob("dayfile.sqlite*"):
        path.unlink()
    shown = instance.run("rebuild")
    assert "Rebuilt 1 seal with 1 file." in shown.stdout
    assert "accounts, keys, jobs, links" in " ".join(shown.stderr.split())
    assert "knows 1 sealed file," in " ".join(instance.run("rebuild", expect=None).stderr.split())


@pytest.mark.parametrize("has_folder", [False, True])
def test_a_place_without_sealed_files_is_the_wrong_one(tmp_path: Path, *, has_folder: bool) -> None:
    """An empty database and "Rebuilt 0 seals" would look like success, and be in the way later."""
    instance = Instance(tmp_path)
    if has_folder:
        (tmp_path / "data" / "objects").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    told = " ".join(instance.run("rebuild", expect=Outcome.FAILED).stderr.split())
    assert f"no sealed files in {tmp_path / 'data' / 'objects'}" in told
    assert "DAYFILE_STORAGE_URL" in told
    assert sorted(tmp_path.rglob("*")) == before


def test_the_query_in_the_documents_finds_the_files_that_count(tmp_path: Path) -> None:
    """Nobody needs Dayfile to read what it has kept."""
    world = a_packed_world(tmp_path)
    revise(world, ACCOUNTS[:2], updated=2)
    text = (ROOT / "docs" / "format.md").read_text(encoding="utf-8")
    query = text.partition("```sql\n")[2].partition("```")[0]
    found = duckdb.execute(query.replace("'sealed/", f"'{world.objects.root}/sealed/")).fetchall()
    assert {row[2]: row[4:8] for row in found} == {
        account: (one.key, one.place.object_key, one.place.start, one.size_bytes)
        for account, one in files_of(world).items()
    }
    world.close()


def _last_mark(world: World) -> str | None:
    with world.database.snapshot() as tx:
        return tx.seals.kept(after=0, limit=99)[-1].mark
