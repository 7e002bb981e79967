"""A SQLite file that is damaged: told with the way out by whoever meets it, and never as a bug of Dayfile's."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
import structlog
from typer.testing import CliRunner, Result

from dayfile.cli.app import app
from dayfile.cli.exit_codes import Outcome
from dayfile.console.page import console_page
from dayfile.model.credential import Scope
from dayfile.overrides import Overrides
from dayfile.service import Service
from dayfile.settings import Settings
from dayfile.store.database import Database
from dayfile.store.tables.metadata import metadata
from tests.conftest import ROOT
from tests.e2e.cli_instance import Instance
from tests.support.clock import FakeClock
from tests.support.moves import a_busy_world
from tests.support.recorded_log import recorded_log
from tests.support.server import serving
from tests.support.state import KEY_TEXT
from tests.support.told import NamesOf

PAGE = 4096
OPERATIONS = ROOT / "docs" / "operations.md"
JOBS = "/v1/Exports/Messages/Jobs"
JOB = {"StartDay": "2026-11-01", "EndDay": "2026-11-01", "FriendlyName": "november"}


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.fixture
def account(tmp_path: Path) -> tuple[str, str]:
    """The credentials of an account of an instance in `tmp_path / "data"`."""
    with Service.open(Settings.read(data_dir=tmp_path / "data")) as service:
        new = service.administration.create_account()
        service.administration.create_key(account=None, scopes=[Scope.INTAKE])
        return new.account.sid, new.auth_token


def _run(folder: Path, *words: str, key: str | None = None) -> Result:
    return CliRunner().invoke(app, words, env={"DAYFILE_DATA_DIR": str(folder), "DAYFILE_SECRET_KEY": key})


def _lose(file: Path, table: str) -> None:
    """Overwrite the page from which a table is found."""
    with closing(Database.connect(f"sqlite:///{file}")) as database, database.looked_into() as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        page = connection.exec_driver_sql(query, (table,)).scalar_one()
    with file.open("r+b") as damaged:
        damaged.seek((page - 1) * PAGE)
        damaged.write(bytes(PAGE))


def test_a_server_that_meets_damage_says_so_and_is_not_ready(tmp_path: Path, account: tuple[str, str]) -> None:
    """A balancer turns to another server, clients wait, and the operator reads what to do; nobody looks for a bug."""
    settings = Settings.read(data_dir=tmp_path / "data")
    _lose(tmp_path / "data" / "dayfile.sqlite", "job")
    clock = FakeClock()
    with (
        Service.open(settings, Overrides(clock=clock, resolver=NamesOf({}))) as service,
        recorded_log(),
        serving(lambda _: service.api(pages=console_page(service.context))) as url,
    ):
        assert httpx2.get(f"{url}/readyz").status_code == 200  # nobody has met it yet
        answer = httpx2.post(url + JOBS, data=JOB, auth=account)
        assert (answer.status_code, answer.json()["code"]) == (503, 20503)
        assert "damaged" in answer.json()["message"]
        assert str(tmp_path) not in answer.text
        clock.pass_by(timedelta(seconds=2))  # the last look is no longer fresh
        ready = httpx2.get(f"{url}/readyz")
        assert (ready.status_code, "damaged" in ready.json()["message"]) == (503, True)
        page = httpx2.get(url)
        assert (page.status_code, "is damaged" in page.text) == (200, True)
        assert httpx2.get(f"{url}/healthz").status_code == 200


def test_damage_is_found_by_reading_the_whole_file(tmp_path: Path, account: tuple[str, str]) -> None:
    """Damage that no request has met yet would be in every backup that is still to be made."""
    folder = tmp_path / "data"
    file = folder / "dayfile.sqlite"
    assert _run(folder, "check", "--deep").exit_code == Outcome.DONE
    _lose(file, "audit")
    found = _run(folder, "check", "--deep")
    assert found.exit_code == Outcome.FAILED
    assert "restore the database from its backup" in " ".join(found.output.split())


@pytest.mark.parametrize(
    "words", [("check",), ("check", "--deep"), ("accounts", "create"), ("seal",), ("keys", "list")]
)
def test_every_page_that_is_lost_ends_commands_with_the_way_out(
    tmp_path: Path, account: tuple[str, str], words: tuple[str, ...]
) -> None:
    """Whichever page it is: what a command needs of it is there, or the message says what to do."""
    folder = tmp_path / "data"
    file, sound = folder / "dayfile.sqlite", tmp_path / "sound"
    shutil.copy(file, sound)
    failed = 0
    for page in range(0, sound.stat().st_size // PAGE, 3):
        shutil.copy(sound, file)
        with file.open("r+b") as damaged:
            damaged.seek(page * PAGE)
            damaged.write(b"\xff" * PAGE)
        done = _run(folder, *words)
        assert done.exit_code in {Outcome.DONE, Outcome.FAILED}, (page, done.output, done.exception)
        if done.exit_code == Outcome.FAILED:
            assert "restore the database from its backup" in " ".join(done.output.split()), (page, done.output)
            failed += 1
    assert failed


@pytest.mark.parametrize(("column", "value"), [("resource_type", "Message1"), ("day", "2026-11-3x")])
def test_a_row_that_cannot_be_read_is_named_by_a_check_of_all(tmp_path: Path, column: str, value: str) -> None:
    """Whichever table it is in: no request was wrong, nothing is a bug, and the operator is told the row."""
    world = a_busy_world(tmp_path / "sound")
    world.close()
    edited = 0
    for table in metadata.sorted_tables:
        if column not in table.c or table.c[column].foreign_keys:
            continue
        shutil.copytree(tmp_path / "sound", tmp_path / table.name)
        first = f"(SELECT min(rowid) FROM {table.name})"  # noqa: S608 - names of ours
        edit = f"UPDATE {table.name} SET {column} = ? WHERE rowid = {first} AND {column} IS NOT NULL"  # noqa: S608
        with closing(sqlite3.connect(tmp_path / table.name / "dayfile.sqlite")) as database, database:
            count = database.execute(edit, (value,)).rowcount
        if count:
            edited += 1
            done = _run(tmp_path / table.name, "check", "--deep", key=KEY_TEXT)
            said = " ".join(done.output.split())
            assert done.exit_code == Outcome.FAILED, (table.name, said, done.exception)
            assert f"of the table {table.name}" in said, said
            assert "set right what the row says" in said, said
        shutil.rmtree(tmp_path / table.name)
    assert edited > 5


def test_a_file_that_is_no_database_stops_a_server_with_a_message(tmp_path: Path, account: tuple[str, str]) -> None:
    """Somebody copied the wrong file: a real process, which may print whatever it likes."""
    (tmp_path / "data" / "dayfile.sqlite").write_bytes(b"something else entirely" * 1000)
    refused = Instance(tmp_path).run("serve", "--port", "0", expect=Outcome.FAILED)
    said = " ".join(refused.stderr.split())
    assert "file is not a database" in said
    assert "restore the database from its backup" in said
    assert str(tmp_path / "data") in said
    assert "bug in Dayfile" not in said
    assert "Traceback" not in said


def test_what_the_document_says_brings_a_damaged_instance_back(tmp_path: Path, account: tuple[str, str]) -> None:
    """Instructions for the worst night are tried on a good day."""
    if shutil.which("sqlite3") is None:
        pytest.skip("this system has no sqlite3 to recover with")
    folder, away = tmp_path / "data", tmp_path / "away"
    _lose(folder / "dayfile.sqlite", "audit")
    assert _run(folder, "audit", "list").exit_code == Outcome.FAILED
    away.mkdir()
    for path in folder.glob("dayfile.sqlite*"):
        path.rename(away / path.name)
    (command,) = re.findall(r"^\(echo .*\.dump.*$", OPERATIONS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    subprocess.run(["/bin/sh", "-c", command], cwd=away, check=True, stderr=subprocess.DEVNULL)
    (away / "recovered.sqlite").rename(folder / "dayfile.sqlite")
    assert _run(folder, "check", "--deep").exit_code == Outcome.DONE
    assert account[0] in _run(folder, "accounts", "list").stdout
    assert _run(folder, "audit", "list").exit_code == Outcome.DONE
