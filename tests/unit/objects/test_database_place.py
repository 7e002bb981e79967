"""A copied database that is put in its place."""

from __future__ import annotations

import os
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url

from dayfile.errors import Conflict, DatabaseUnwritable, InFlight, LostClaim, StorageUnavailable
from dayfile.objects.database_place import check_place, put_in_place
from dayfile.store.database import Database
from tests.support.backups import empty
from tests.support.databases import a_new_database


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


def test_a_place_that_cannot_be_written_is_named_before_anything_is_copied(tmp_path: Path) -> None:
    """The objects of a large instance take hours, in which nothing works, or the operator waits."""
    (tmp_path / "file").touch()
    with pytest.raises(StorageUnavailable, match=r"dayfile\.sqlite cannot be made: .*/file is no folder"):
        check_place(f"sqlite:///{tmp_path}/file/deeper/dayfile.sqlite")
    check_place(f"sqlite:///{tmp_path}/new/deeper/dayfile.sqlite")
    assert not (tmp_path / "new").exists()
    with a_new_database("postgresql", tmp_path) as url:
        empty(url)
        check_place(url)
        with closing(Database.connect(url)) as database, database.exclusively() as connection:
            connection.exec_driver_sql("CREATE ROLE poor")
        poor = make_url(url).update_query_dict({"options": "-c role=poor"}).render_as_string(hide_password=False)
        for statement in ("GRANT USAGE ON SCHEMA public TO poor", "DROP OWNED BY poor", "DROP ROLE poor"):
            with pytest.raises(DatabaseUnwritable, match="its role must own the database"):
                check_place(poor)
            with closing(Database.connect(url)) as database, database.exclusively() as connection:
                connection.exec_driver_sql(statement)


def test_of_two_processes_that_make_a_database_the_second_one_is_refused(tmp_path: Path) -> None:
    """It would write over what the first one is about to give its place, which would then be a half of each."""
    copy, place = tmp_path / "copy", tmp_path / "new" / "dayfile.sqlite"
    copy.write_bytes(b"a copy")
    (tmp_path / "other").write_bytes(b"another copy, which is longer")
    url = f"sqlite:///{place}"

    def be_second() -> None:
        with pytest.raises(InFlight, match=r"about to make .*dayfile\.sqlite this moment"):
            put_in_place(tmp_path / "other", url, on_step=_nothing)

    put_in_place(copy, url, check=be_second, on_step=_nothing)
    assert place.read_bytes() == b"a copy"
    assert list(place.parent.iterdir()) == [place]


def test_what_a_killed_process_has_left_is_no_part_of_the_next_database(tmp_path: Path) -> None:
    """Its draft may be longer; and a check that fails at the end leaves nothing there."""
    copy, place = tmp_path / "copy", tmp_path / "new" / "dayfile.sqlite"
    copy.write_bytes(b"a copy")
    place.parent.mkdir()
    (place.parent / ".dayfile.sqlite.restoring").write_bytes(b"half of a copy, or more")

    def fail() -> None:
        raise LostClaim("somebody else has it")

    with pytest.raises(LostClaim):
        put_in_place(copy, f"sqlite:///{place}", check=fail, on_step=_nothing)
    assert list(place.parent.iterdir()) == []
    (place.parent / ".dayfile.sqlite.restoring").write_bytes(b"half of a copy, or more")
    put_in_place(copy, f"sqlite:///{place}", on_step=_nothing)
    assert place.read_bytes() == b"a copy"
    assert list(place.parent.iterdir()) == [place]
