"""Manifests of seals and packs: without the database they are all that leads to the sealed files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dayfile.files.storage import LocalStorage
from dayfile.objects import layout
from tests.support.damage import flip
from tests.support.packed_day import ACCOUNTS, a_packed_world, let_die
from tests.support.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An instance with two seals, and a pack that was rewritten."""
    world = a_packed_world(tmp_path)
    let_die(world, ACCOUNTS[:3])
    assert world.pack_rewrite.step()
    yield world
    world.close()


def _is_of_a_rewrite(key: str) -> bool:
    return layout.pack_of(key) != key and not layout.manifest_mark(key)


KINDS: list[Callable[[str], object]] = [layout.manifest_mark, layout.marker_mark, _is_of_a_rewrite]


def _one(world: World, is_of_kind: Callable[[str], object]) -> str:
    return next(key for key in sorted(world.stored_keys()) if is_of_kind(key))


@pytest.mark.parametrize("is_of_kind", KINDS)
def test_one_that_is_gone_is_found_at_once(world: World, is_of_kind: Callable[[str], object]) -> None:
    """Found on the day on which it is needed, nobody could put it back."""
    assert world.findings() == []
    key = _one(world, is_of_kind)
    world.objects.delete([key])
    for deep in (False, True):
        [found] = world.check(deep=deep)
        assert found.subject == key
        assert "dayfile rebuild" in found.detail


@pytest.mark.parametrize("is_of_kind", [layout.manifest_mark, _is_of_a_rewrite])
def test_one_that_is_damaged_is_found_by_reading_it(world: World, is_of_kind: Callable[[str], object]) -> None:
    """A byte of it changed: only a deep check reads it."""
    path = world.objects.root / _one(world, is_of_kind)
    flip(path)
    assert world.check(deep=False) == []
    [found] = world.check(deep=True)
    assert str(world.objects.root / found.subject) == str(path)


def test_one_of_a_seal_that_is_forgotten_meanwhile_is_no_finding(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Retention goes on while a check runs, and takes the manifest with the seal."""
    size = LocalStorage.size
    swept: list[str] = []

    def sized(storage: LocalStorage, key: str) -> int:
        if layout.manifest_mark(key) and not swept:
            swept.append(key)
            with world.database.exclusively() as connection:
                connection.exec_driver_sql("UPDATE seal SET state = 'abandoned'")
            storage.delete([key])
        return size(storage, key)

    monkeypatch.setattr(LocalStorage, "size", sized)
    assert [found for found in world.check(deep=False) if found.subject in swept] == []
    assert swept
