"""Scratch folders go with their process, however it ends."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dayfile.errors import StorageUnavailable
from dayfile.files.scratch import scratch_folder


def test_a_folder_is_gone_at_the_end(tmp_path: Path) -> None:
    """Spilled records are not left lying about."""
    with scratch_folder(tmp_path, "a") as folder:
        (folder / "spill").write_bytes(b"records")
    assert not folder.exists()


def test_what_a_dead_process_left_is_wiped_and_a_living_ones_is_not(tmp_path: Path) -> None:
    """Only the lock tells them apart."""
    dead = tmp_path / "dead"
    dead.mkdir()
    (dead / "in-use").touch()
    (dead / "spill").write_bytes(b"records")
    with scratch_folder(tmp_path, "alive") as alive:
        (alive / "spill").write_bytes(b"records")
        with scratch_folder(tmp_path, "new") as new:
            assert not dead.exists()
            assert new.is_dir()
            assert (alive / "spill").read_bytes() == b"records"


def test_a_parent_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """The operator must learn which folder it is."""
    (tmp_path / "file").touch()
    with pytest.raises(StorageUnavailable, match="file"), scratch_folder(tmp_path / "file", "a"):
        pass


def test_a_folder_whose_process_ends_while_it_is_looked_at_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seals end at any moment, and the next one of another process must not fail for it."""
    look = Path.glob

    def looked_at_and_gone(parent: Path, pattern: str) -> Iterator[Path]:
        for lock in look(parent, pattern):
            shutil.rmtree(lock.parent)
            yield lock

    with scratch_folder(tmp_path, "other"):
        monkeypatch.setattr(Path, "glob", looked_at_and_gone)
        with scratch_folder(tmp_path, "mine") as mine:
            assert mine.is_dir()
            assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["mine"]
