"""Promises of every storage, whatever is behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dayfile.errors import NotFound
from dayfile.files import disk
from dayfile.files.cloud_storage import PART_BYTES
from dayfile.files.storage import Bytes, LocalStorage, Storage
from tests.support.cloud import cloud_storage
from tests.support.memory_storage import MemoryStorage
from tests.support.swift import Bucket

KEY = "sealed/type=Messages/day=2026-10-01/account=AC0/revision-1-x.json.gz"

Put = Callable[[Storage, list[tuple[str, Bytes]]], None]


@pytest.fixture(params=["local", "local without the calls of Linux", "memory", "S3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Storage:
    """Each storage there is."""
    if request.param == "memory":
        return MemoryStorage()
    if request.param == "S3":
        bucket: Bucket = request.getfixturevalue("bucket")
        return cloud_storage(bucket, monkeypatch)
    if request.param != "local":
        monkeypatch.setattr(disk, "_syncfs", lambda: None)
        monkeypatch.setattr(disk, "_rename_unless_taken", lambda: None)
    return LocalStorage(tmp_path / "objects")


def one_by_one(storage: Storage, items: list[tuple[str, Bytes]]) -> None:
    """Store with `put`, each object in two chunks."""
    for key, data in items:
        assert storage.put(key, [data[:1], b"", data[1:]]) == len(data)


def together(storage: Storage, items: list[tuple[str, Bytes]]) -> None:
    """Store with `put_many`."""
    storage.put_many(iter(items))


def among_many(storage: Storage, items: list[tuple[str, Bytes]]) -> None:
    """Store with `put_many`, and so many others that they are stored another way."""
    storage.put_many([*[(f"other/{number}", b"other") for number in range(60)], *items])


every_way = pytest.mark.parametrize("put", [one_by_one, together, among_many])


def contents(storage: Storage, key: str) -> bytes:
    """All bytes of an object."""
    return b"".join(storage.read(key))


@every_way
def test_an_object_is_read_as_it_was_stored(storage: Storage, put: Put) -> None:
    """The one thing a storage is for; blocks are bounded, so large objects are read in several."""
    large = bytes(range(256)) * 10_000
    put(storage, [("a/large", large), ("a/empty", b""), ("b", memoryview(b"view"))])
    assert contents(storage, "a/large") == large
    assert contents(storage, "a/empty") == b""
    assert contents(storage, "b") == b"view"
    assert storage.size("a/large") == storage.state("a/large").size_bytes == len(large)
    assert storage.state("a/large") == storage.state("a/large")
    assert max(map(len, storage.read("a/large"))) < len(large)


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [(0, None, b"0123456789"), (3, 7, b"3456"), (3, None, b"3456789"), (9, 99, b"9"), (10, None, b""), (50, 60, b"")],
)
def test_a_range_is_read_half_open(storage: Storage, start: int, stop: int | None, expected: bytes) -> None:
    """Downloads are resumed by ranges: one byte too many or too few breaks the file at the other end."""
    storage.put(KEY, [b"0123456789"])
    assert b"".join(storage.read(KEY, start=start, stop=stop)) == expected


@pytest.mark.parametrize(("start", "stop"), [(-1, None), (5, 4), (0, -1)])
def test_a_range_that_cannot_be_is_refused(storage: Storage, start: int, stop: int) -> None:
    """An offset that went wrong somewhere must not silently give other bytes."""
    storage.put(KEY, [b"0123456789"])
    with pytest.raises(ValueError, match="no bytes from"):
        storage.read(KEY, start=start, stop=stop)


def test_what_is_not_there_is_not_found_at_once(storage: Storage) -> None:
    """A face that has begun to answer with 200 can no longer say 404."""
    for ask in (storage.read, storage.size, storage.state):
        with pytest.raises(NotFound, match="there is no object absent"):
            ask("absent")
    storage.put(KEY, [b"x"])
    for folder in ("sealed", f"{KEY}/below"):
        with pytest.raises(NotFound):
            storage.read(folder)


@every_way
def test_a_key_is_given_once(storage: Storage, put: Put) -> None:
    """A published file that somebody is reading never becomes another."""
    storage.put(KEY, [b"first"])
    with pytest.raises(FileExistsError):
        put(storage, [(KEY, b"second")])
    assert contents(storage, KEY) == b"first"


def test_an_object_is_whole_or_absent(storage: Storage) -> None:
    """While it is being written nobody sees it; if writing ends early, nobody ever does."""

    def chunks() -> Iterator[bytes]:
        yield b"half"
        with pytest.raises(NotFound):
            storage.read(KEY)
        assert list(storage.scan("")) == []
        raise EndedEarly

    with pytest.raises(EndedEarly):
        storage.put(KEY, chunks())
    with pytest.raises(NotFound):
        storage.size(KEY)
    storage.put(KEY, [b"all"])
    assert contents(storage, KEY) == b"all"


class EndedEarly(Exception):
    """The error of a source that cannot go on."""


def test_an_object_is_put_while_another_is_read_from_the_same_storage(storage: Storage) -> None:
    """A rewritten pack is made of the files that it had, and is no more in memory than those are."""
    data = bytes(range(256)) * (PART_BYTES // 256) + b"the end"
    storage.put("former", [data])
    assert storage.put("new", storage.read("former")) == len(data)
    assert contents(storage, "new") == data


def test_keys_are_listed_in_order_by_how_they_begin(storage: Storage) -> None:
    """The sweep and a rebuilt database go by these lists: one key missing is a record lost or an object never freed."""
    keys = ["a", "b/c.d", "b/c/1", "b/c/10", "b/c/2", "b/c=1/x", "b/cc", "c"]
    storage.put_many((key, b"x") for key in reversed(keys))
    assert list(storage.scan("")) == sorted(keys)
    for prefix in ("b", "b/", "b/c", "b/c/", "b/c/1", "b/c=", "x", "a/", "b/c/1/"):
        assert list(storage.scan(prefix)) == sorted(key for key in keys if key.startswith(prefix))


def test_a_list_tells_sizes_and_begins_where_it_is_told(storage: Storage) -> None:
    """A check compares a day's list with its rows, a page at a time, instead of asking for each object."""
    storage.put_many((f"a/{name}", b"x" * len(name)) for name in ("b", "bb", "c/d", "c.e", "cc"))
    storage.put("b", [b""])
    assert [(one.key, one.size_bytes) for one in storage.listed("a/")] == [
        ("a/b", 1),
        ("a/bb", 2),
        ("a/c.e", 3),
        ("a/c/d", 3),
        ("a/cc", 2),
    ]
    assert [one.key for one in storage.listed("a/", after="a/bb")] == ["a/c.e", "a/c/d", "a/cc"]
    assert [one.key for one in storage.listed("", after="a/cc")] == ["b"]
    assert [one.key for one in storage.listed("a/c", after="a/bz")] == ["a/c.e", "a/c/d", "a/cc"]


def test_deleting_removes_and_forgives(storage: Storage) -> None:
    """The sweep runs again after a crash: what is gone already must not stop it."""
    storage.put_many((f"a/{number}", b"x") for number in range(30))
    storage.put_many([("b/c/d", b"x"), ("e", b"x")])
    storage.delete(["a/7", "absent", "absent/too", "e/below"])
    assert "a/7" not in list(storage.scan("a/"))
    storage.delete(f"a/{number}" for number in range(30))
    storage.delete(["b/c/d"])
    assert list(storage.scan("")) == ["e"]
    storage.put("a/7", [b"again"])
    assert contents(storage, "a/7") == b"again"


@pytest.mark.parametrize(
    "key",
    [
        *("", "/a", "a/", "a//b", ".", "..", "a/../b", "../a", "a/./b", ".a", "a/.b", "~/a"),
        *("a b", "a\nb", "a\\b", "a\0", "ä", "a" * 201, "/".join(["a" * 100] * 11)),
    ],
)
@every_way
def test_a_key_cannot_lead_anywhere_else(storage: Storage, key: str, put: Put) -> None:
    """A key with a customer's text in it must not be a way to the rest of the disk."""
    with pytest.raises(ValueError, match="is no key"):
        put(storage, [(key, b"x")])
    for ask in (storage.read, storage.size, storage.path, lambda key: storage.delete([key])):
        with pytest.raises(ValueError, match="is no key"):
            ask(key)


@pytest.mark.parametrize("prefix", ["..", "../", "/", "a/../", ".", "\0/"])
def test_a_listing_cannot_lead_anywhere_else(storage: Storage, prefix: str) -> None:
    """The same for lists."""
    storage.put(KEY, [b"x"])
    assert list(storage.scan(prefix)) == []


def test_a_place_to_read_from_holds_the_object(storage: Storage) -> None:
    """Sealing reads segments in place where there is a place, without copying them."""
    storage.put(KEY, [b"bytes"])
    path = storage.path(KEY)
    assert path is None or path.read_bytes() == b"bytes"


def test_nothing_partial_is_left_by_what_went_well(storage: Storage) -> None:
    """A name that is removed as left over must never be an object's."""
    one_by_one(storage, [("a", b"x")])
    among_many(storage, [("b", b"x")])
    assert list(storage.scan_partial("")) == []
    storage.remove_partial(["a", "b", "c/d"])
    assert contents(storage, "a") == contents(storage, "b") == b"x"
