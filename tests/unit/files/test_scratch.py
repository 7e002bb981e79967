"""Scratch folders go with their process, however it ends."""

from __future__ import annotations

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
