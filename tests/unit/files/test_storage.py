from __future__ import annotations

import errno
import os
import pickle
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from dayfile.errors import StorageUnavailable
from dayfile.files import disk
from dayfile.files.storage import LocalStorage

KILLED_HALF_WAY = """
import os, signal, sys
from pathlib import Path
from dayfile.files.storage import LocalStorage

def chunks():
    yield b"half"
    os.kill(os.getpid(), signal.SIGKILL)

LocalStorage(Path(sys.argv[1])).put("a/b", chunks())
"""


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    """A storage in a folder that is not there yet."""
    return LocalStorage(tmp_path / "not there" / "objects")


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let the system refuse to make any file longer, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def open_files() -> int:
    """The number of files that this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def calls(monkeypatch: pytest.MonkeyPatch, storage: LocalStorage) -> list[tuple[str, bool]]:
    """Record syncs from now on, as the system sees them, and whether the object was visible by then."""
    seen: list[tuple[str, bool]] = []
    fsync, syncfs = os.fsync, disk._syncfs()
    assert syncfs is not None

    def noting_fsync(descriptor: int) -> None:
        fsync(descriptor)
        seen.append((str(Path(f"/proc/self/fd/{descriptor}").readlink()), list(storage.scan("")) != []))

    def noting_syncfs(descriptor: int) -> None:
        syncfs(descriptor)
        seen.append(("everything", list(storage.scan("")) != []))

    monkeypatch.setattr(os, "fsync", noting_fsync)
    monkeypatch.setattr(disk, "_syncfs", lambda: noting_syncfs)
    return seen


def test_the_bytes_are_durable_before_the_name_and_the_name_before_the_answer(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut a name without its bytes would be a published file of nothing; and every new folder on the way
    to the object needs its own name on the disk."""
    seen = calls(monkeypatch, storage)
    storage.put("a/b/c", [b"bytes"])
    root = str(storage.root)
    assert seen[0] == (f"{root}/a/b/.c.partial", False)
    assert {path for path, visible in seen[1:] if visible} >= {f"{root}/a/b", f"{root}/a", root, str(Path(root).parent)}


def test_many_are_synced_together_bytes_before_names(storage: LocalStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two syncs for thousands of files are what makes a seal of many accounts cheap; in the wrong order they are
    worth nothing."""
    seen = calls(monkeypatch, storage)
    storage.put_many((f"a/{number}", b"x") for number in range(500))
    assert seen == [("everything", False), ("everything", True)]


def test_without_such_a_call_every_file_and_folder_is_synced(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other systems than Linux pay more and lose nothing."""
    seen = calls(monkeypatch, storage)
    monkeypatch.setattr(disk, "_syncfs", lambda: None)
    storage.put_many((f"a/{number}/x", b"x") for number in range(100))
    root = str(storage.root)
    assert {path for path, visible in seen if not visible} == {f"{root}/a/{number}/.x.partial" for number in range(100)}
    assert {path for path, visible in seen if visible} >= {root, f"{root}/a", *(f"{root}/a/{n}" for n in range(100))}


def test_removal_is_durable(storage: LocalStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    """An erased record that is back after a power cut was not erased."""
    storage.put_many((f"a/{number}", b"x") for number in range(50))
    seen = calls(monkeypatch, storage)
    storage.delete(["a/1"])
    assert [path for path, _ in seen] == [f"{storage.root}/a"]


def test_empty_folders_go_with_their_last_object(storage: LocalStorage) -> None:
    """A folder for each account and day would otherwise stay for ever."""
    storage.put_many([("a/b/c/d", b"x"), ("a/e", b"x")])
    storage.delete(["a/b/c/d"])
    assert sorted(path.name for path in storage.root.rglob("*")) == ["a", "e"]
    storage.delete(["a/e"])
    assert storage.root.is_dir()
    assert list(storage.root.rglob("*")) == []


def test_a_folder_may_vanish_while_it_is_being_used(storage: LocalStorage) -> None:
    """One process removes a folder because it is empty at the moment when another is about to use it."""

    def come_and_go(name: str) -> None:
        for number in range(30):
            storage.put(f"a/b/{name}-{number}", [b"x"])
            storage.delete([f"a/b/{name}-{number}"])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(come_and_go, ["x", "y"]))
    assert list(storage.scan("")) == []


def test_a_folder_that_vanishes_again_is_no_error(storage: LocalStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process may make the folder just before us, and remove it just after."""
    make = os.mkdir
    vanished: list[Path] = []

    def too_late(path: Path, mode: int = 0o777) -> None:
        if Path(path).name == "b" and not vanished:
            vanished.append(path)
            raise FileExistsError(errno.EEXIST, "File exists", str(path))
        make(path, mode)

    monkeypatch.setattr(os, "mkdir", too_late)
    storage.put("a/b/x", [b"x"])
    assert vanished
    assert list(storage.scan("")) == ["a/b/x"]


@pytest.mark.parametrize("many", [1, 40])
@pytest.mark.parametrize("has_syncfs", [True, False])
def test_a_folder_that_another_empties_and_removes_before_it_is_synced_is_no_error(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch, many: int, *, has_syncfs: bool
) -> None:
    """Two processes forget the last objects of a folder: the second removes it just after the first has left it."""
    for number in range(many):
        storage.put(f"a/{number}/mine", [b"x"])
        storage.put(f"a/{number}/theirs", [b"x"])
    remove = Path.rmdir

    def left_and_removed_by_another(folder: Path) -> None:
        try:
            remove(folder)
        except OSError:
            if folder.joinpath("theirs").exists():
                folder.joinpath("theirs").unlink()
                remove(folder)
            raise

    monkeypatch.setattr(Path, "rmdir", left_and_removed_by_another)
    if not has_syncfs:
        monkeypatch.setattr(disk, "_syncfs", lambda: None)
    storage.delete([f"a/{number}/mine" for number in range(many)])
    assert list(storage.scan("")) == []


def test_what_a_killed_process_left_is_never_seen_and_can_be_removed(storage: LocalStorage) -> None:
    """A crash must cost nothing but space, and not even that for long."""
    storage.put("a/whole", [b"x"])
    command = [sys.executable, "-c", KILLED_HALF_WAY, str(storage.root)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert list(storage.scan("")) == ["a/whole"]
    assert list(storage.scan_partial("")) == list(storage.scan_partial("a/")) == ["a/b"]
    assert list(storage.scan_partial("b")) == []
    storage.remove_partial(["a/b", "a/whole"])
    assert list(storage.scan_partial("")) == []
    assert [path.name for path in storage.root.rglob("*") if path.is_file()] == ["whole"]


def test_a_put_whose_partial_file_is_taken_away_fails_and_leaves_nothing(storage: LocalStorage) -> None:
    """A writer that was frozen for so long that it was taken for dead must hear of it, and have made no object."""

    def chunks() -> Iterator[bytes]:
        yield b"half"
        assert list(storage.scan_partial("")) == ["a/b"]
        storage.remove_partial(["a/b"])
        yield b"whole"

    with pytest.raises(StorageUnavailable, match="cannot write a/b"):
        storage.put("a/b", chunks())
    assert list(storage.root.rglob("*")) == []
    assert storage.put("a/b", [b"again"]) == 5


def test_files_of_others_are_not_taken_for_partial_ones(storage: LocalStorage) -> None:
    """Other things that are kept in the folder are not ours to delete."""
    storage.put("a/whole", [b"x"])
    others = [storage.root / "a" / name for name in (".hidden", "whole.partial", "..partial", ".not a key.partial")]
    for other in others:
        other.touch()
    assert list(storage.scan_partial("")) == []
    assert all(other.exists() for other in others)


@pytest.mark.parametrize("count", [1, 100])
def test_a_refused_write_says_what_and_leaves_nothing(storage: LocalStorage, count: int) -> None:
    """A full disk is the operator's to mend: the error must come as one that passes, and with room for the next try."""
    with files_of_at_most(1000), pytest.raises(StorageUnavailable, match=r"^cannot write a/0( and 99 more)?: File too"):
        storage.put_many((f"a/{number}", b"x" * 2000) for number in range(count))
    assert [path for path in storage.root.rglob("*") if path.is_file()] == []
    storage.put_many((f"a/{number}", b"x" * 2000) for number in range(count))
    assert storage.size("a/0") == 2000


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "the disk is full: free space"),
        (errno.EDQUOT, "the disk is full: free space"),
        (errno.EROFS, "read-only: mount it"),
        (errno.EACCES, "permission denied: the folder and all in it must belong to the user"),
        (errno.EPERM, "permission denied"),
        (errno.EMFILE, "too many files are open: raise the limit"),
        (errno.EIO, "look at the system's log"),
        (errno.ESTALE, "Stale file handle"),
    ],
)
def test_an_error_of_the_system_says_what_helps(number: int, advice: str) -> None:
    """Somebody reads it on a bad night. The path on this machine stays in the cause: a customer may read it, too."""
    error = OSError(number, os.strerror(number), "/somewhere/on/this/machine")
    with pytest.raises(StorageUnavailable, match=advice) as raised, disk.reported("write a/b"):
        raise error
    assert str(raised.value).startswith("cannot write a/b: ")
    assert "/somewhere" not in str(raised.value)
    assert raised.value.__cause__ is error


def test_an_error_of_the_source_is_not_taken_for_one_of_the_disk(storage: LocalStorage) -> None:
    """A connection that broke while its bytes were being stored is not the storage's fault."""

    def chunks() -> Iterator[bytes]:
        yield b"half"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        storage.put("a", chunks())


def test_a_file_that_shrinks_under_its_reader_is_noticed(storage: LocalStorage) -> None:
    """A download that ends early looks complete to whoever asked for it."""
    storage.put("a", [b"x" * 3_000_000])
    blocks = storage.read("a")
    next(blocks)
    os.truncate(storage.root / "a", 1_500_000)
    with pytest.raises(StorageUnavailable, match="became shorter"):
        list(blocks)


@pytest.mark.parametrize("begun", [True, False])
def test_a_reader_that_stops_early_closes_the_file(storage: LocalStorage, begun: bool) -> None:
    """Clients hang up all the time; files left open would end the process after a thousand of them."""
    storage.put("a", [b"x" * 3_000_000])
    before = open_files()
    blocks = storage.read("a")
    assert open_files() == before + 1
    if begun:
        next(blocks)
    del blocks
    assert open_files() == before


def test_it_can_be_sent_to_another_process(storage: LocalStorage) -> None:
    """Pieces of a seal run in other processes, and on other machines."""
    storage.put("a", [b"x"])
    assert list(pickle.loads(pickle.dumps(storage)).read("a")) == [b"x"]  # noqa: S301 - our own
