"""The SQLite file itself: its log, its disk, its connections, and damage in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from dayfile.errors import DamagedRow, DatabaseDamaged, DatabaseUnavailable, DatabaseUnwritable, Unusable
from dayfile.model.credential import Actor
from dayfile.store.checkpoints import DUE_AT_BYTES, KEPT_BYTES
from dayfile.store.database import Database
from tests.support.clock import NOON
from tests.support.full import fill, grow_log, log_bytes
from tests.support.mounts import change, small_disk
from tests.support.recorded_log import recorded_log
from tests.support.state import a_database, an_account

PAGE = 4096


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk on which a log can grow, and not twice."""
    with small_disk(tmp_path / "disk", megabytes=30) as disk:
        yield disk


def _note(database: Database, action: str) -> None:
    with database.transaction() as tx:
        tx.audit.add(actor=Actor(name="operator"), action=action, subject="b", now=NOON)


def _noted(database: Database) -> list[str]:
    with database.snapshot() as tx:
        return [line.deed.action for line in tx.audit.newest(limit=10)]


def test_a_log_that_has_grown_is_small_again_after_the_next_commits(tmp_path: Path) -> None:
    """Space that one large commit, or a reader that stayed, made of it would otherwise be lost to the disk for good."""
    with closing(a_database(tmp_path)) as database:
        grow_log(database, megabytes=20)
        assert log_bytes(tmp_path) >= DUE_AT_BYTES
        _note(database, "after")
        assert log_bytes(tmp_path) <= KEPT_BYTES


def test_connecting_writes_nothing_and_checkpoints_nothing(tmp_path: Path) -> None:
    """Each new connection would wait for whoever writes, fail on a full disk, and checkpoint beside another process."""
    with closing(a_database(tmp_path)) as database:
        with database.snapshot() as tx:
            tx.accounts.count()
            grow_log(database, megabytes=6)
        before = (tmp_path / "dayfile.sqlite").stat().st_mtime_ns, log_bytes(tmp_path)
        with closing(Database.connect(f"sqlite:///{tmp_path / 'dayfile.sqlite'}")) as other:
            assert len(_noted(other)) == 10
            assert ((tmp_path / "dayfile.sqlite").stat().st_mtime_ns, log_bytes(tmp_path)) == before


def test_a_commit_whose_checkpoint_finds_no_room_is_a_commit(disk: Path) -> None:
    """The row is there: an error would make the sender do it again, and say that nothing was done."""
    with closing(a_database(disk)) as database, recorded_log() as log:
        with database.snapshot() as tx:
            tx.accounts.count()  # a reader: what is committed from here on stays in the log
            grow_log(database, megabytes=18)
        filler = fill(disk, but=300_000)
        with closing(Database.connect(f"sqlite:///{disk / 'dayfile.sqlite'}")) as other:
            _note(other, "committed")
            assert log.next("database.checkpoint_failed")["reason"] == "database or disk is full"
            assert _noted(other)[0] == "committed"
            filler.unlink()
            change(disk, "size=100m")
            grow_log(other, megabytes=2)
            _note(other, "after")
            assert log_bytes(disk) <= KEPT_BYTES


def test_a_checkpoint_whose_lock_cannot_be_made_is_no_error(tmp_path: Path) -> None:
    """Trouble after a commit is never the sender's."""
    with closing(a_database(tmp_path)) as database, recorded_log() as log:
        (tmp_path / "dayfile.sqlite.checkpoint-lock").mkdir()
        grow_log(database, megabytes=18)
        assert "directory" in log.next("database.checkpoint_failed")["reason"]
        assert _noted(database)


def test_a_full_disk_is_told_and_nothing_is_half_there(disk: Path) -> None:
    """The operator reads which disk it is about and what to do; it goes on by itself once that is done."""
    with closing(a_database(disk)) as database:
        _note(database, "before")
        filler = fill(disk)
        with pytest.raises(DatabaseUnwritable, match="full; free space on its disk"):
            grow_log(database, megabytes=1)
        with pytest.raises(DatabaseUnwritable, match="cannot be written: No space left"):
            database.probe()
        assert _noted(database) == ["before"]
        filler.unlink()
        _note(database, "after")
        database.probe()


def test_more_work_than_connections_is_busy_and_no_bug(tmp_path: Path) -> None:
    """A caller who comes then is to try again."""
    with closing(a_database(tmp_path)) as database, ExitStack() as held:
        pool = database.engine.pool
        pool._timeout = 0  # type: ignore[attr-defined]
        for _ in range(80):
            held.enter_context(closing(database.engine.raw_connection()))
        with pytest.raises(DatabaseUnavailable, match="connections: try again"), database.snapshot():
            pass
        with pytest.raises(DatabaseUnavailable, match="connections: try again"), database.transaction():
            pass


def _damage(file: Path, *, page: int) -> None:
    with file.open("r+b") as damaged:
        damaged.seek(page * PAGE)
        damaged.write(bytes(PAGE))


def test_any_page_that_is_lost_is_damage_and_no_bug(tmp_path: Path) -> None:
    """All that meets it says what it is, and the server is not ready from then on; the whole file names it."""
    with closing(a_database(tmp_path)) as database:
        for number in range(40):
            an_account(database, f"account {number}")
    file = tmp_path / "dayfile.sqlite"
    sound = file.read_bytes()
    met = 0
    for page in range(len(sound) // PAGE):
        file.write_bytes(sound)
        _damage(file, page=page)
        with closing(Database.connect(f"sqlite:///{file}")) as database:
            try:
                assert database.damage(), page
            except DatabaseDamaged:
                with pytest.raises(DatabaseDamaged, match="must restore it"):
                    database.probe()
                met += 1
    assert met > 1


def test_a_file_that_is_no_database_is_damage(tmp_path: Path) -> None:
    """Its first page is what is overwritten most often: by a copy of something else."""
    with closing(a_database(tmp_path)):
        pass
    file = tmp_path / "dayfile.sqlite"
    file.write_bytes(b"not a database at all" * 1000)
    with (
        closing(Database.connect(f"sqlite:///{file}")) as database,
        pytest.raises(DatabaseDamaged, match="is not a database"),
        database.transaction(),
    ):
        pass


def test_a_text_that_is_no_text_is_damage_of_its_row_and_is_not_repeated(tmp_path: Path) -> None:
    """The driver's own message holds the text, which may be a record, and is shown to whoever asked."""
    with closing(a_database(tmp_path)) as database:
        an_account(database)
        with database.exclusively() as connection:
            connection.exec_driver_sql("UPDATE account SET friendly_name = CAST(x'5345435245543cff' AS TEXT)")
        with pytest.raises(DamagedRow, match="not UTF-8") as raised, database.snapshot() as tx:
            tx.accounts.listed(after=None, limit=10)
        assert "SECRET" not in str(raised.value)


def test_a_database_that_is_only_read_refuses_writes_and_is_as_it_was(tmp_path: Path) -> None:
    """A command that reads must not be able to do anything else."""
    with closing(a_database(tmp_path)) as database:
        _note(database, "before")
    file = tmp_path / "dayfile.sqlite"
    before = file.read_bytes()
    with closing(Database.connect_to_read(f"sqlite:///{file}")) as reading:
        assert _noted(reading) == ["before"]
        with pytest.raises(DatabaseUnwritable, match="readonly"):
            _note(reading, "more")
    assert file.read_bytes() == before


def test_a_file_read_alone_is_not_believed_once_somebody_writes_beside_it(disk: Path) -> None:
    """Such a reading takes no locks, so what it saw may be of several moments."""
    with closing(a_database(disk)) as database:
        _note(database, "before")
    change(disk, "ro")
    with closing(Database.connect_to_read(f"sqlite:///{disk / 'dayfile.sqlite'}")) as reading:
        assert _noted(reading) == ["before"]
        change(disk, "rw")
        with closing(Database.connect(f"sqlite:///{disk / 'dayfile.sqlite'}")) as writing:
            _note(writing, "meanwhile")
            with pytest.raises(DatabaseUnavailable, match="run the command again"):
                _noted(reading)


def test_a_log_that_vanishes_while_it_is_looked_at_was_there(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last process that used a database removes its log: what was read before may be of several moments."""
    file = disk / "dayfile.sqlite"
    log, look = file.with_name("dayfile.sqlite-wal"), Path.stat

    def looked_at_and_gone(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        found = look(path, follow_symlinks=follow_symlinks)
        if path == log:
            path.unlink()
        return found

    with closing(a_database(disk)) as database:
        _note(database, "before")
    change(disk, "ro")
    with closing(Database.connect_to_read(f"sqlite:///{file}")) as reading:
        change(disk, "rw")
        log.write_bytes(b"commits")
        monkeypatch.setattr(Path, "stat", looked_at_and_gone)
        with pytest.raises(DatabaseUnavailable, match="run the command again"):
            _noted(reading)


def test_a_log_that_cannot_be_read_in_place_is_never_left_out(disk: Path, tmp_path: Path) -> None:
    """Without it commits would be missing and pages be of different moments; a copy of both files has all."""
    url = f"sqlite:///{disk / 'dayfile.sqlite'}"
    with closing(a_database(disk)) as database:
        _note(database, "in the log")
        for name in ("dayfile.sqlite", "dayfile.sqlite-wal"):
            (tmp_path / name).write_bytes((disk / name).read_bytes())
    for name in ("dayfile.sqlite", "dayfile.sqlite-wal"):
        (disk / name).write_bytes((tmp_path / name).read_bytes())
    change(disk, "ro")
    with pytest.raises(Unusable, match=r"copy dayfile.sqlite and dayfile.sqlite-wal, both"):
        Database.connect_to_read(url)
    with closing(Database.connect_to_read(f"sqlite:///{tmp_path / 'dayfile.sqlite'}")) as copied:
        assert _noted(copied) == ["in the log"]
