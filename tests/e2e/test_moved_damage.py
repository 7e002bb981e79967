"""Damage that a move meets: what is known moves along, what is not is named, and no copy that is there is lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dayfile.errors import Corrupt, StorageUnavailable
from dayfile.model.damage import damaged_file
from dayfile.model.day import Day
from dayfile.model.export import SealedDay
from dayfile.model.resource import MESSAGES
from tests.support.damage import cut, flip
from tests.support.moves import a_busy_world, moved, objects_in, reopen
from tests.support.packed_day import ACCOUNTS, DAY, a_message, a_packed_world, files_of
from tests.support.randomness import SeededRandomness
from tests.support.world import World


def _with_a_segment(world: World) -> None:
    """Have records wait in an object: no row has its hash."""
    dice = SeededRandomness("a segment")
    sent = [a_message(ACCOUNTS[1], name=f"waits {number}") for number in range(100)]
    world.accept([replace(one, body=dice.hex(1000)) for one in sent])


def test_a_copy_whose_source_was_lost_meanwhile_is_kept(tmp_path: Path) -> None:
    """It may be the last one that there is: nothing of the old place is needed twice."""
    world = a_busy_world(tmp_path / "old")
    _with_a_segment(world)
    [pack, *_] = [key for key in world.referred_keys() if "pack-" in key and not key.endswith(".gz")]
    needed = world.referred_keys()
    assert any(key.startswith("segments/") for key in needed)
    world.close()
    old, new, storage = tmp_path / "old" / "objects", tmp_path / "new", f"file://{tmp_path}/new"
    flip(old / pack)
    there = {key: data for key, data in objects_in(old).items() if key in needed}
    with pytest.raises(Corrupt, match="nobody knew"):  # when everything is copied
        moved(world.settings, world.clock, storage=storage)
    for number, key in enumerate(sorted(there)):
        if key.startswith("segments/"):
            flip(old / key)
        elif number % 2 or key.endswith((".gz", ".committed")):  # no row has the size of these
            (old / key).unlink()
        else:
            cut(old / key)
    result = moved(world.settings, world.clock, storage=storage, despite_damage=True)
    assert result is not None
    assert (result.damaged, result.missing, result.copied) == ((pack,), (), 0)
    assert objects_in(new) == there


def test_a_storage_without_any_object_is_not_taken_for_damage(tmp_path: Path) -> None:
    """A disk that is not mounted looks like it: the instance would be in the new place without a record."""
    world = a_busy_world(tmp_path / "old")
    world.close()
    (tmp_path / "old" / "objects").rename(tmp_path / "unmounted")
    with pytest.raises(StorageUnavailable, match="none of the objects"):
        moved(world.settings, world.clock, storage=f"file://{tmp_path}/new", despite_damage=True)
    (tmp_path / "unmounted").rename(tmp_path / "old" / "objects")
    there = moved(world.settings, world.clock, storage=f"file://{tmp_path}/new")
    assert there is not None
    assert (there.damaged, there.missing) == ((), ())


def _flip_file(world: World, file: SealedDay) -> None:
    flip(world.objects.root / file.place.object_key, file.place.start + file.size_bytes // 2)


def test_damage_beside_known_damage_of_a_pack_is_named(tmp_path: Path) -> None:
    """Accounts that share a pack have nothing to do with one another: who is damaged says nothing of the others."""
    world = a_packed_world(tmp_path / "old")
    files = files_of(world)
    known, other = (files[account] for account in ACCOUNTS[:2])
    with world.database.transaction() as tx:
        found = damaged_file(known.key, known.account, MESSAGES, Day.parse(DAY), reason="a byte has changed")
        tx.damages.record(found, now=world.clock.now())
    world.close()
    to: dict[str, Any] = {"storage": f"file://{tmp_path}/new"}
    _flip_file(world, known)
    _flip_file(world, other)
    with pytest.raises(Corrupt, match=f"such as {other.key}, in .*nobody knew"):
        moved(world.settings, world.clock, **to)
    reopen(world.settings, world.clock)
    _flip_file(world, other)  # repaired
    result = moved(world.settings, world.clock, **to)
    assert result is not None
    assert result.damaged == (known.place.object_key,)
