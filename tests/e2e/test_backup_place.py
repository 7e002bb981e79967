"""Places in which nobody has made a backup before."""

from __future__ import annotations

from pathlib import Path

import pytest

from dayfile.cli.exit_codes import Outcome
from dayfile.errors import Conflict
from dayfile.files.names import draft_of
from tests.e2e.cli_instance import Instance
from tests.support.backups import back_up
from tests.support.memory_storage import MemoryStorage
from tests.support.packed_day import a_packed_world


@pytest.mark.parametrize("foreign", ["photo.jpg", "photos/2026.jpg", "photos/"])
def test_a_backup_is_not_made_among_foreign_files(tmp_path: Path, foreign: str) -> None:
    """A mistyped path would litter somebody's folder. What comes beside a backup later is no matter."""
    one, to = Instance(tmp_path), tmp_path / "pictures"
    one.run("init")
    other = to / foreign
    (other if foreign.endswith("/") else other.parent).mkdir(parents=True)
    if not foreign.endswith("/"):
        other.touch()
    before = sorted(to.rglob("*"))
    said = one.run("backup", str(to), expect=Outcome.FAILED).stderr
    name = foreign.partition("/")[0]
    assert f"there is {name} in that place, which no backup of this instance has put there: name an empty" in said
    assert sorted(to.rglob("*")) == before
    assert "whole" in one.run("backup", str(to / "dayfile")).stdout
    (to / "dayfile" / "read me.txt").touch()
    assert "whole" in one.run("backup", str(to / "dayfile")).stdout


def test_an_empty_disk_is_a_place_for_backups(tmp_path: Path) -> None:
    """Its root has what its file system and a file manager have made, and what a backup has left that was killed."""
    one, to = Instance(tmp_path), tmp_path / "disk"
    one.run("init")
    (to / "lost+found").mkdir(parents=True, mode=0o000)
    (to / ".Trash-1000" / "files").mkdir(parents=True)
    (to / ".DS_Store").touch()
    draft = draft_of(to / "backups" / "of-this")
    draft.parent.mkdir()
    draft.touch()
    assert "whole" in one.run("backup", str(to)).stdout


def test_a_backup_is_not_made_among_foreign_objects(tmp_path: Path) -> None:
    """In a bucket as in a folder."""
    world, target = a_packed_world(tmp_path / "old"), MemoryStorage()
    target.put("photos/2026.jpg", [b"photo"])
    with pytest.raises(Conflict, match=r"there is photos/2026\.jpg in that place"):
        back_up(world, target, tmp_path)
    target.delete(["photos/2026.jpg"])
    back_up(world, target, tmp_path)
    world.close()
