"""Damage that a backup or a restore meets, beside other damage or in the backup itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from dayfile.errors import Corrupt
from dayfile.files.storage import LocalStorage
from tests.support.backups import back_up, restore, unlike
from tests.support.damage import cut, flip
from tests.support.moves import a_busy_world
from tests.support.packed_day import ACCOUNTS, files_of


def test_a_damaged_manifest_is_replaced_by_the_next_backup(tmp_path: Path) -> None:
    """Else there would be none any more, until somebody notices; one of another version is not touched."""
    world = a_busy_world(tmp_path / "old")
    target = LocalStorage.open(tmp_path / "backup")
    first = back_up(world, target, tmp_path)
    [manifest] = (tmp_path / "backup").glob("backups/*/manifest.json")
    was = cut(manifest)
    with pytest.raises(Corrupt, match="manifest of the backup is damaged"):
        restore(target, tmp_path / "new")
    again = back_up(world, target, tmp_path)
    assert (again.manifest.objects, again.copied, unlike(target)) == (first.manifest.objects, 0, [])
    assert restore(target, tmp_path / "new").damaged == ()
    [manifest] = (tmp_path / "backup").glob("backups/*/manifest.json")
    manifest.write_bytes(was.replace(b'"listed"', b'"objects_of"'))
    with pytest.raises(Corrupt, match="of another version"):
        back_up(world, target, tmp_path)
    world.close()


def test_damage_of_a_backup_beside_damage_of_the_instance_is_not_hidden(tmp_path: Path) -> None:
    """A pack of which one file was damaged is not restored at all if it has changed since: that costs all accounts."""
    world = a_busy_world(tmp_path / "old")
    target = LocalStorage.open(tmp_path / "backup")
    pack = files_of(world)[ACCOUNTS[0]].place.object_key
    flip(world.objects.root / pack)
    assert back_up(world, target, tmp_path).manifest.damaged == (pack,)
    assert restore(target, tmp_path / "first").damaged == (pack,)
    beside = LocalStorage.open(tmp_path / "beside" / "objects")
    beside.put(pack, [b"repaired, perhaps"])
    assert restore(target, tmp_path / "beside", storage=beside).damaged == (pack,)
    assert b"".join(beside.read(pack)) == b"repaired, perhaps"
    flip(target.root / pack, 1)
    with pytest.raises(Corrupt, match=rf"1 of its objects .*{pack}"):
        restore(target, tmp_path / "new")
    assert restore(target, tmp_path / "new", despite_damage=True).damaged == (pack,)
    assert back_up(world, target, tmp_path).copied == 1
    assert b"".join(target.read(pack)) == b"".join(world.objects.read(pack))
    world.close()
