from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dayfile.clock import SystemClock
from dayfile.errors import Unusable
from dayfile.files.network_disk import MOUNTS
from dayfile.model.clock_trust import ClockMark
from dayfile.model.seen_worker import GONE_AFTER, SeenWorker
from dayfile.store.database import Database
from dayfile.work.sole_host import check_host
from tests.e2e.cli_instance import Instance
from tests.support.clock import NOON, FakeClock
from tests.support.databases import a_new_database
from tests.support.state import a_database, a_sqlite_url


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A SQLite database."""
    with closing(a_database(tmp_path)) as database:
        yield database


def _seen(database: Database, host: str, *, at: datetime) -> None:
    with database.transaction() as tx:
        tx.workers.note(SeenWorker(name=f"{host}/7/ab", version="1", started_at=at, seen_at=at))


def _check(database: Database, *, objects: Path | None = None, mounts: Path = MOUNTS) -> None:
    check_host("here", database=database, objects=objects, clock=FakeClock(), mounts=mounts)


def test_a_worker_of_another_host_keeps_this_one_from_a_sqlite_file(database: Database) -> None:
    """Two machines that write one file damage it, and the message says how several hosts are run."""
    _check(database)
    _seen(database, "here", at=NOON)
    _check(database)
    _seen(database, "there", at=NOON - timedelta(seconds=20))
    with pytest.raises(Unusable, match=r"worker there/7/ab, 20 seconds ago.*dayfile\.sqlite.*PostgreSQL and a bucket"):
        _check(database)


def test_a_worker_that_is_gone_keeps_nobody_away(database: Database) -> None:
    """An instance whose machine is lost is started on another one, which has its disk."""
    _seen(database, "there", at=NOON - GONE_AFTER - timedelta(seconds=1))
    _check(database)


def test_containers_of_one_machine_are_one_host(database: Database) -> None:
    """They have different names, and one system below them."""
    _seen(database, "there", at=NOON)
    reading = FakeClock().reading()
    with database.transaction() as tx:
        tx.clock_marks.put(ClockMark.believing(reading))
    _check(database)


def test_objects_in_a_folder_are_for_one_host_unless_it_is_shared(tmp_path: Path) -> None:
    """On PostgreSQL each host would have a folder of its own, with half of the files."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"30 22 0:41 / {tmp_path} rw - nfs4 files:/share rw\n")
    with a_new_database("postgresql", tmp_path) as url, closing(Database.connect(url)) as database:
        _seen(database, "there", at=NOON)
        with pytest.raises(Unusable, match=f"objects are in {tmp_path}.* Several hosts need a bucket"):
            _check(database, objects=tmp_path)
        _check(database, objects=tmp_path, mounts=mounts)
        _check(database)


def test_a_sqlite_file_on_a_network_file_system_is_refused(database: Database, tmp_path: Path) -> None:
    """Also with one host: its locks do not hold there, and it is told what to do with what is in it."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"30 22 0:41 / {tmp_path} rw - nfs4 files:/share rw\n")
    with pytest.raises(Unusable, match=r"network file system \(nfs4\).*`dayfile move`"):
        _check(database, mounts=mounts)


@pytest.mark.parametrize("command", ["work", "serve"])
def test_a_start_beside_another_host_is_refused_and_a_backup_is_not(command: str, tmp_path: Path) -> None:
    """The way out begins with a command that runs."""
    instance = Instance(tmp_path)
    instance.run("init")
    with closing(Database.connect(a_sqlite_url(tmp_path / "data"))) as database:
        _seen(database, "another", at=SystemClock().now())
    refused = instance.run(command, *(("--port", "0") if command == "serve" else ()), expect=None)
    assert refused.returncode != 0
    assert "another host works on this instance (worker another/7/ab" in refused.stderr
    instance.run("backup", str(tmp_path / "backup"))
