"""Backups of an instance in use, and restores of them to another place."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

import pytest

from dayfile.cli.exit_codes import Outcome
from dayfile.errors import Conflict, Corrupt, InFlight, LostClaim, StorageUnavailable, Unusable
from dayfile.files.names import draft_of
from dayfile.files.storage import Bytes, LocalStorage
from dayfile.objects.backup_target import BackupTarget
from dayfile.store.backups import LEASE
from tests.e2e.cli_instance import Instance
from tests.support.backups import a_backup, back_up, empty, let_an_hour_pass, restore, run, started, unlike
from tests.support.damage import flip
from tests.support.deployment import CLUSTER, LOCAL, Deployment
from tests.support.packed_day import ACCOUNTS, NAMES, a_message, a_packed_world, files_of, let_die, revise
from tests.support.state import an_account
from tests.support.steps import Died, Lane, SteppingStorage, Steps
from tests.support.swift import Bucket
from tests.support.world import ALL_PACKED, World

LANES = {LOCAL: 1, CLUSTER: 5}


def _a_world(folder: Path, *, database: str | None = None, storage: str | None = None) -> World:
    """An instance with two packs, one of them half dead, and records that wait."""
    folder.mkdir(exist_ok=True)
    world = World(folder, database=database, storage=storage, pack_below=ALL_PACKED)
    for name in NAMES:
        an_account(world.database, name)
    revise(world, ACCOUNTS, updated=1)
    let_die(world, ACCOUNTS[:3])
    world.accept([a_message(ACCOUNTS[0], name="waits", updated=3)])
    return world


def _bodies(world: World) -> list[str]:
    """The bodies of all records of the first account, after the day is sealed again."""
    world.clock.pass_by(timedelta(hours=8))
    world.work()
    return sorted(str(record["body"]) for record in world.records_of(files_of(world)[ACCOUNTS[0]]))


def _goes_on(world: World, extend: Callable[[], None]) -> None:
    """Have records come, the day sealed again, what was before forgotten, and the sweep wish to delete it."""
    revise(world, ACCOUNTS, updated=5)
    for _ in range(20):
        extend()
        world.clock.pass_by(LEASE * 0.9)
        world.work()


def _leave_partial(storage: LocalStorage, key: str) -> None:
    """Leave what a put of an object leaves that was killed."""
    draft = draft_of(storage.root / key)
    draft.parent.mkdir(parents=True, exist_ok=True)
    draft.touch()


def test_a_backup_under_load_has_all_that_was_accepted_before(tmp_path: Path, database_url: str) -> None:
    """Days are sealed and former files are forgotten between its database and its objects; none that it needs goes."""
    world = _a_world(tmp_path / "old", database=database_url)
    needed, target = world.referred_keys(), LocalStorage.open(tmp_path / "backup")
    backup = a_backup(world, target, tmp_path)
    backup.claim()
    went_on: list[str] = []

    def go_on(text: str, _done: int, _whole: int) -> None:
        if text == "Copying objects" and not went_on:
            went_on.append(text)
            _goes_on(world, backup.extend)

    made = run(backup, on_step=go_on)
    backup.end()
    assert went_on
    assert world.referred_keys().isdisjoint(key for key in needed if "pack-" in key)
    assert {key for key in target.scan("") if not key.startswith("backups/")} == needed
    assert (made.manifest.damaged, made.manifest.missing, unlike(target)) == ((), (), [])
    assert restore(target, tmp_path / "new").damaged == ()
    new = started(tmp_path / "new", at=world)
    assert new.findings() == []
    assert _bodies(new) == ["v2", "v3"]
    assert new.findings() == []
    world.close()
    new.close()


def test_deletion_goes_on_when_a_backup_has_died(tmp_path: Path) -> None:
    """Its claim runs out; until then no other one begins, and one that wakes up late ends."""
    world = _a_world(tmp_path / "old")
    dead = a_backup(world, LocalStorage.open(tmp_path / "backup"), tmp_path)
    dead.claim()
    with pytest.raises(InFlight, match="10 minutes"):
        a_backup(world, LocalStorage.open(tmp_path / "other"), tmp_path).claim()
    world.clock.pass_by(LEASE + timedelta(seconds=1))
    stored = world.stored_keys()
    _goes_on(world, lambda: None)
    assert not stored <= world.stored_keys()
    back_up(world, LocalStorage.open(tmp_path / "other"), tmp_path)
    with pytest.raises(LostClaim):
        dead.extend()
    world.close()


def test_a_second_backup_copies_what_is_new_and_drops_what_only_the_first_needed(tmp_path: Path) -> None:
    """Objects never change: one that is there is not read again."""
    world = _a_world(tmp_path / "old")
    target = LocalStorage.open(tmp_path / "backup")
    first = back_up(world, target, tmp_path)
    again = back_up(world, target, tmp_path)
    assert (first.copied, again.copied, again.deleted) == (first.manifest.objects, 0, 0)
    _goes_on(world, lambda: None)
    third = back_up(world, target, tmp_path)
    assert 0 < third.copied < third.manifest.objects + third.deleted
    assert third.deleted > 0
    assert {key for key in target.scan("") if not key.startswith("backups/")} == world.referred_keys()
    assert len({key.split("/")[1] for key in target.scan("backups/")}) == 2  # it, and whose backups they are
    assert unlike(target) == []
    world.close()


def test_whenever_a_backup_is_killed_the_last_whole_one_can_be_restored(
    deployment: Deployment, tmp_path: Path, lane: Lane
) -> None:
    """The next backup takes over the objects that the killed one has copied."""
    place = deployment.place(tmp_path)
    world = _a_world(tmp_path / "old", database=place.database, storage=place.storage)
    target = deployment.storage(tmp_path / "backup")
    back_up(world, target, tmp_path)
    _goes_on(world, lambda: None)
    for at in lane.steps():
        try:
            back_up(world, SteppingStorage(target, Steps(at=at)), tmp_path)
        except Died:
            assert unlike(target) == []
            if isinstance(target, LocalStorage):
                _leave_partial(target, min(world.referred_keys()))
            continue
        break
    assert at > lane.of * 2
    assert list(target.scan_partial("")) == []
    assert {key for key in target.scan("") if not key.startswith("backups/")} == world.referred_keys()
    assert BackupTarget(target).unfinished() == []
    world.close()


def test_a_restore_that_was_killed_has_made_nothing_that_starts_and_goes_on(tmp_path: Path) -> None:
    """The database comes last."""
    world = _a_world(tmp_path / "old")
    target = LocalStorage.open(tmp_path / "backup")
    back_up(world, target, tmp_path)
    new, at = tmp_path / "new", 1
    objects = LocalStorage.open(new / "objects")
    while True:
        try:
            restored = restore(target, new, storage=SteppingStorage(objects, Steps(at=at)))
        except Died:
            assert not (new / "dayfile.sqlite").exists()
            _leave_partial(objects, max(world.referred_keys()))
            at += 5
            continue
        break
    assert restored.copied < restored.objects
    with pytest.raises(Conflict, match=r"dayfile\.sqlite already"):
        restore(target, new)
    again = started(new, at=world)
    assert again.findings() == []
    world.close()
    again.close()


def test_a_place_that_vanishes_or_is_full_has_no_backup_that_looks_whole(tmp_path: Path) -> None:
    """A disk that is unmounted leaves an empty folder, in which everything could be written."""
    world = _a_world(tmp_path / "old")
    target = LocalStorage.open(tmp_path / "backup")
    back_up(world, target, tmp_path)
    _goes_on(world, lambda: None)
    with pytest.raises(StorageUnavailable, match="on purpose"):
        back_up(world, SteppingStorage(target, Steps(at=7, recovers=True)), tmp_path)
    assert unlike(target) == []
    backup = a_backup(world, target, tmp_path)
    backup.claim()

    def unmount(text: str, _done: int, _whole: int) -> None:
        if text == "Copying objects" and not (tmp_path / "unmounted").exists():
            target.root.rename(tmp_path / "unmounted")
            target.root.mkdir()

    with pytest.raises(StorageUnavailable, match="vanished"):
        run(backup, on_step=unmount)
    assert BackupTarget(target).newest() is None
    assert unlike(LocalStorage(tmp_path / "unmounted")) == []
    world.close()


def test_half_a_backup_is_refused_and_named(tmp_path: Path) -> None:
    """It has no manifest; neither has a folder with nothing in it."""
    world = _a_world(tmp_path / "old")
    target = LocalStorage.open(tmp_path / "backup")
    with pytest.raises(Unusable, match="no backup in that place"):
        restore(target, tmp_path / "new")
    with pytest.raises(Died):
        back_up(world, SteppingStorage(target, Steps(at=12)), tmp_path)
    with pytest.raises(Unusable, match="never finished"):
        restore(target, tmp_path / "new")
    world.close()


def test_a_damaged_backup_makes_no_instance_unless_that_is_wanted(tmp_path: Path) -> None:
    """The restore names each damaged object, and so does the check of the instance."""
    world = _a_world(tmp_path / "old")
    target = LocalStorage.open(tmp_path / "backup")
    back_up(world, target, tmp_path)
    pack = next(key for key in target.scan("sealed/") if "pack-" in key and not key.endswith(".gz"))
    flip(target.root / pack)
    with pytest.raises(Corrupt, match="pack-"):
        restore(target, tmp_path / "new")
    assert not (tmp_path / "new" / "dayfile.sqlite").exists()
    assert restore(target, tmp_path / "new", despite_damage=True).damaged == (pack,)
    new = started(tmp_path / "new", at=world)
    assert new.findings()
    world.close()
    new.close()


def test_an_object_that_is_damaged_is_copied_as_it_is_named_and_replaced_once_repaired(tmp_path: Path) -> None:
    """The other files in a pack are whole; and a copy from before the damage is kept."""
    world = _a_world(tmp_path / "old")
    early, late = LocalStorage.open(tmp_path / "early"), LocalStorage.open(tmp_path / "late")
    back_up(world, early, tmp_path)
    pack = files_of(world)[ACCOUNTS[0]].place.object_key
    flip(world.objects.root / pack)
    assert back_up(world, early, tmp_path).manifest.damaged == ()
    assert back_up(world, late, tmp_path).manifest.damaged == (pack,)
    world.objects.delete([pack])
    world.objects.put(pack, early.read(pack))
    assert back_up(world, late, tmp_path).manifest.damaged == ()
    assert unlike(late) == []
    world.objects.delete([pack])
    with pytest.raises(Corrupt, match="the storage lacks"):
        back_up(world, LocalStorage.open(tmp_path / "other"), tmp_path)
    world.close()


@pytest.mark.parametrize("despite_damage", [False, True])
def test_a_backup_that_is_replaced_while_it_is_restored_is_not_called_damaged(
    tmp_path: Path, *, despite_damage: bool
) -> None:
    """It lacks by then what only it needed; the newer one has all, and nobody is to do without anything."""
    world = _a_world(tmp_path / "old")
    target = LocalStorage.open(tmp_path / "backup")
    back_up(world, target, tmp_path)
    replaced: list[str] = []

    def replace_it(text: str, done: int, _whole: int) -> None:
        if text == "Copying objects" and done == 1 and not replaced:
            replaced.append(text)
            _goes_on(world, lambda: None)
            back_up(world, target, tmp_path)

    with pytest.raises(Conflict, match="was replaced by a newer one while it was restored"):
        restore(target, tmp_path / "new", despite_damage=despite_damage, on_step=replace_it)
    assert not (tmp_path / "new" / "dayfile.sqlite").exists()
    assert restore(target, tmp_path / "other").damaged == ()
    world.close()


def test_two_restores_at_once_are_one(tmp_path: Path) -> None:
    """Each takes what the other one has brought; the second database is refused."""
    world = _a_world(tmp_path / "old")
    target, objects = LocalStorage.open(tmp_path / "backup"), LocalStorage.open(tmp_path / "new" / "objects")
    back_up(world, target, tmp_path)

    class Racing(SteppingStorage):
        """A storage in which another restore has put an object just before each put."""

        def put(self, key: str, chunks: Iterable[Bytes]) -> int:
            objects.put(key, target.read(key))
            return super().put(key, chunks)

    restored = restore(target, tmp_path / "new", storage=Racing(objects, Steps()))
    assert (restored.copied, restored.damaged) == (0, ())
    world.close()


def test_no_backup_replaces_that_of_another_instance_or_other_objects(tmp_path: Path) -> None:
    """They would be deleted, since it does not need them."""
    world, other = _a_world(tmp_path / "old"), a_packed_world(tmp_path / "other")
    target = LocalStorage.open(tmp_path / "backup")
    back_up(world, target, tmp_path)
    with pytest.raises(Conflict, match="another instance"):
        back_up(other, target, tmp_path)
    with pytest.raises(Conflict, match="no backup of this instance"):
        back_up(world, other.objects, tmp_path)
    with pytest.raises(Conflict, match="beside-other-objects"):
        restore(target, tmp_path / "new", storage=other.objects)
    world.close()
    other.close()


def test_a_backup_in_a_bucket_moves_an_instance_to_postgresql_and_a_bucket(
    tmp_path: Path, bucket: Bucket, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The form of a backup is the same, wherever it is from and wherever it goes."""
    from dayfile.files.cloud_storage import CloudPlace, CloudStorage  # noqa: PLC0415 - as `bucket` is skipped without
    from dayfile.files.storage_url import StorageUrl  # noqa: PLC0415 - as above

    for name, value in bucket.environment().items():
        monkeypatch.setenv(name, value)
    target, objects = (
        CloudStorage(CloudPlace(url=StorageUrl.parse(f"{bucket.url}/{name}"), ca_file=None))
        for name in ("backup", "objects")
    )
    world = _a_world(tmp_path / "old")
    back_up(world, target, tmp_path)
    empty(database_url)
    restore(target, tmp_path / "new", storage=objects, database=database_url)
    new = started(tmp_path / "new", at=world, database=database_url, storage=f"{bucket.url}/objects")
    assert new.findings() == []
    assert files_of(new) == files_of(world)
    assert _bodies(new) == ["v2", "v3"]
    world.close()
    new.close()


def test_the_commands_back_up_and_restore_an_instance(tmp_path: Path) -> None:
    """The key is asked for, and compared; what is restored is whole, and keeps its logins."""
    old, new = Instance(tmp_path), Instance(tmp_path, {"DAYFILE_DATA_DIR": str(tmp_path / "new")})
    old.run("init")
    account = old.json("accounts", "create", "--name", "Acme")
    record = {"sid": "SM" + "1" * 32, "account_sid": account["account_sid"], "date_created": "2026-10-01T10:00:00Z"}
    (tmp_path / "records.json").write_text(json.dumps(record))
    old.run("intake", "Messages", "records.json", expect=None)
    old.run("clock", "accept")
    let_an_hour_pass(tmp_path / "data" / "dayfile.sqlite")
    to = str(tmp_path / "backup")
    assert "choose one apart" in old.run("backup", "data/inside", expect=Outcome.FAILED).stderr
    assert "is empty" in old.run("backup", "", expect=Outcome.FAILED).stderr
    assert "choose another folder" in old.run("backup", "records.json/inside", expect=Outcome.FAILED).stderr
    said = old.run("backup", to)
    assert "is whole" in said.stdout
    assert "The secret key is not part of it" in said.stderr
    assert "DAYFILE_SECRET_KEY" in new.run("restore", to, expect=Outcome.FAILED).stderr
    other = Instance(tmp_path, {"DAYFILE_DATA_DIR": str(tmp_path / "new"), "DAYFILE_SECRET_KEY": "ab" * 32})
    assert "not the one" in other.run("restore", to, expect=Outcome.FAILED).stderr
    nothing = new.run("restore", "nowhere", expect=Outcome.FAILED).stderr
    assert "no backup in that place" in nothing
    assert f"looked for in {tmp_path / 'nowhere'}" in nothing
    assert not (tmp_path / "new").exists()
    assert old.json("backup", to, "--with-key")["has_key"] is True
    (key,) = (tmp_path / "backup" / "backups").glob("*/secret.key")
    text = key.read_text()
    key.write_text("ab" * 32)
    assert "the backup is damaged" in new.run("restore", to, expect=Outcome.FAILED).stderr
    key.write_text(text)
    advice = new.run("restore", to).stderr
    assert "`dayfile clock accept` first" in advice
    assert "Next: run `dayfile check --deep`" in advice
    new.run("clock", "accept")
    assert "All is well" in new.run("check", "--deep").stdout
    assert [one["account_sid"] for one in new.json("accounts", "list")] == [account["account_sid"]]
    assert (tmp_path / "new" / "secret.key").read_text() == (tmp_path / "data" / "secret.key").read_text()
    assert [one["action"] for one in old.json("audit", "list")].count("backup.made") == 2
    assert "is left as it is" in new.run("restore", to, expect=Outcome.FAILED).stderr
