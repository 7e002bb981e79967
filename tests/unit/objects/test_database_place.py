"""A copied database that is put in its place."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from dayfile.errors import Conflict, StorageUnavailable
from dayfile.objects.database_place import put_in_place


def _nothing(*_: object) -> None:
    pass


def test_a_place_that_was_taken_this_moment_is_left_as_it_is(tmp_path: Path) -> None:
    """Two restores at once would otherwise have one database replace the other, or end with an error of the system."""
    copy, place = tmp_path / "copy", tmp_path / "new" / "dayfile.sqlite"
    os.mkfifo(copy)  # it is opened only after the place was seen to be free

    def be_first() -> None:
        with copy.open("wb") as writing:
            place.write_bytes(b"another instance")
            writing.write(b"a copy")

    other = threading.Thread(target=be_first)
    other.start()
    with pytest.raises(Conflict, match=r"dayfile\.sqlite since this moment.*left as it is"):
        put_in_place(copy, f"sqlite:///{place}", on_step=_nothing)
    other.join()
    assert place.read_bytes() == b"another instance"
    assert list(place.parent.iterdir()) == [place]


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    """An operator who restores, or moves, sees which place it is."""
    (tmp_path / "file").touch()
    with pytest.raises(StorageUnavailable, match=r"file/dayfile\.sqlite: Not a directory"):
        put_in_place(tmp_path / "copy", f"sqlite:///{tmp_path}/file/dayfile.sqlite", on_step=_nothing)
