from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from dayfile.checks import listed_sizes as listed_sizes_module
from dayfile.checks.listed_sizes import listed_sizes
from dayfile.checks.object_check import ObjectCheck
from dayfile.errors import StorageUnavailable
from dayfile.files.storage import ListedObject, LocalStorage
from tests.support.memory_storage import MemoryStorage
from tests.support.records import Sent
from tests.support.state import an_account
from tests.support.world import World

DAY = "sealed/type=Messages/day=2026-11-01/"


class Counted(MemoryStorage):
    """A remote storage that counts what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()
        self.hides: set[str] = set()  # keys that its lists do not have yet
        self.is_closed = False  # to those who list

    def size(self, key: str) -> int:
        self.asked["size"] += 1
        return super().size(key)

    def listed(self, prefix: str, *, after: str = "") -> Iterator[ListedObject]:
        if self.is_closed:
            raise StorageUnavailable("s3:ListBucket")
        for key in self.scan(prefix):
            if key > after and key not in self.hides:
                self.asked["listed"] += 1
                yield ListedObject(key=key, size_bytes=len(self._get(key)))


@pytest.fixture
def storage() -> Counted:
    """A day with a hundred objects, and some of another day."""
    storage = Counted()
    storage.put_many((f"{DAY}{number:03}", b"x" * number) for number in range(100))
    storage.put_many((f"{DAY.replace('01/', '02/')}{number}", b"x") for number in range(3))
    return storage


def test_many_objects_of_a_day_are_found_in_its_list(storage: Counted) -> None:
    """A question for each of a million files takes hours, and costs as much as the list a hundred times."""
    keys = [f"{DAY}{number:03}" for number in range(20, 60)]
    assert listed_sizes(storage, keys) == {key: int(key[-3:]) for key in keys}
    assert (storage.asked["size"], storage.asked["listed"]) == (0, 41)


def test_a_few_objects_are_not_worth_a_list(storage: Counted) -> None:
    """A store charges for a list as for a dozen questions."""
    assert listed_sizes(storage, [f"{DAY}020", f"{DAY}021"]) == {}
    assert storage.asked.total() == 0


def test_a_list_that_has_too_much_else_is_given_up(storage: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve late files among a million are asked for."""
    monkeypatch.setattr(listed_sizes_module, "_IN_A_LIST", 10)
    keys = [f"{DAY}{number:03}" for number in range(0, 96, 8)]
    assert list(listed_sizes(storage, keys)) == [f"{DAY}000", f"{DAY}008"]
    assert storage.asked["listed"] == 10


def test_who_may_not_list_asks_for_each(storage: Counted) -> None:
    """A check with fewer permissions is slower, and says the same."""
    storage.is_closed = True
    assert listed_sizes(storage, [f"{DAY}{number:03}" for number in range(50)]) == {}


def test_a_folder_is_not_listed(tmp_path: Path) -> None:
    """There, a look at a file costs nothing."""
    assert listed_sizes(LocalStorage(tmp_path), [f"{DAY}{number}" for number in range(50)]) == {}


def test_a_check_asks_only_for_what_the_list_has_otherwise(tmp_path: Path) -> None:
    """A list lags behind by a minute: what is missing in it, or has another size, may be right by now."""
    world = World(tmp_path)
    at = "2026-11-01T10:00:00Z"
    accounts = [an_account(world.database, f"account {number}").sid for number in range(20)]
    world.accept([Sent(account=sid, name="m", created=at, updated=at, body="m") for sid in accounts])
    world.seal("2026-11-01")
    storage = Counted()
    for key in world.stored_keys():
        storage.put(key, world.objects.read(key))
    files = [key for key in storage.scan("sealed/") if "account=" in key]
    storage.hides = {files[3]}
    storage.delete([files[5]])
    found = list(ObjectCheck(world.database, storage).find(deep=False, on_object=lambda: None))
    assert [finding.subject for finding in found] == [files[5]]
    assert storage.asked["size"] == 2
    world.close()
