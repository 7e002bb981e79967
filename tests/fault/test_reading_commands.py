"""Commands that only read, on a disk that is full or read-only: the night on which an operator needs them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner, Result

from dayfile.cli.app import app
from dayfile.cli.exit_codes import Outcome
from dayfile.store.database import Database
from tests.conftest import ROOT
from tests.support.full import fill
from tests.support.mounts import change, small_disk

CRASHES = """
import os, sys
from pathlib import Path
from dayfile.store.database import Database
database = Database.connect(f"sqlite:///{sys.argv[1]}")
with database.transaction() as tx:
    tx.instance.settle("told by", "who crashed")
os._exit(0)
"""


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk."""
    with small_disk(tmp_path / "disk", megabytes=8) as disk:
        yield disk


def _run(folder: Path, *words: str, **variables: str) -> Result:
    return CliRunner().invoke(app, words, env={"DAYFILE_DATA_DIR": str(folder), **variables})


def _instance(folder: Path) -> tuple[str, list[tuple[str, ...]]]:
    """An instance that has something to show; its account, and every command that only reads."""
    _run(folder, "init")
    account = json.loads(_run(folder, "accounts", "create", "--json").stdout)["account_sid"]
    lines = folder.parent / "lines"
    lines.write_text("not a record\n")
    _run(folder, "intake", "Messages", str(lines))
    _run(folder, "keys", "create", "--operator")
    entries = folder.parent / "accounts.csv"
    entries.write_text(f"sid,friendly_name\n{account},Größe\n")
    return account, [
        ("check",),
        ("check", "--deep"),
        ("accounts", "list", "--json"),
        ("accounts", "show", account),
        ("accounts", "webhook-secret", account),
        ("accounts", "import", str(entries), "--dry-run"),
        ("keys", "list", "--json"),
        ("rejections", "list", "--json"),
        ("rejections", "show", "1"),
        ("audit", "list", "--json"),
        ("notices", "list"),
    ]


def _crash(folder: Path) -> None:
    """Have a process commit and die: what it wrote is in the log only."""
    subprocess.run([sys.executable, "-c", CRASHES, str(folder / "dayfile.sqlite")], check=True, cwd=ROOT)
    assert (folder / "dayfile.sqlite-wal").stat().st_size > 0


def _fill(disk: Path) -> None:
    fill(disk)


def _make_read_only(disk: Path) -> None:
    change(disk, "ro")


# Without "running" on a disk that is read-only: one on which a file is open for writing cannot be made so by a test.
@pytest.mark.parametrize(
    ("before", "trouble"),
    [
        ("stopped", _fill),
        ("stopped", _make_read_only),
        ("crashed", _fill),
        ("crashed", _make_read_only),
        ("running", _fill),
    ],
)
def test_commands_that_read_say_on_a_bad_disk_what_they_say_on_a_good_one(
    disk: Path, before: str, trouble: Callable[[Path], None], request: pytest.FixtureRequest
) -> None:
    """On a bad night it is asked what is there, what waits and whether all is well, with the server running or not."""
    folder = disk / "data"
    _, commands = _instance(folder)
    if before == "crashed":
        _crash(folder)
    if before == "running":
        database = Database.connect(f"sqlite:///{folder / 'dayfile.sqlite'}")
        request.addfinalizer(database.close)
        with database.transaction() as tx:
            tx.instance.settle("told by", "who runs")
    good = [_copied(disk, *words) for words in commands]
    trouble(disk)
    for words, expected in zip(commands, good, strict=True):
        found = _run(folder, *words)
        assert (found.exit_code, found.stdout) == (Outcome.DONE, expected), (words, found.output)


def _copied(disk: Path, *words: str) -> str:
    """Return the output of a command on a copy of a disk that is well."""
    copy = disk.parent / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(disk, copy)
    found = _run(copy / "data", *words)
    assert found.exit_code == Outcome.DONE, found.output
    return found.stdout


def test_a_log_that_cannot_be_read_in_place_is_said_with_how_to_copy_it(disk: Path, tmp_path: Path) -> None:
    """A backup made with cp is one: what is only in its log must not be missing without a word. What is told works."""
    folder = disk / "data"
    account, _ = _instance(folder)
    _crash(folder)
    (folder / "dayfile.sqlite-shm").unlink()
    change(disk, "ro")
    refused = _run(folder, "accounts", "list")
    assert refused.exit_code == Outcome.FAILED
    said = " ".join(refused.stderr.split())
    assert "copy dayfile.sqlite and dayfile.sqlite-wal, both" in said
    for name in ("dayfile.sqlite", "dayfile.sqlite-wal"):
        shutil.copy(folder / name, tmp_path)
    copy = tmp_path / "dayfile.sqlite"
    listed = _run(folder, "accounts", "list", "--json", DAYFILE_DATABASE_URL=f"sqlite:///{copy}")
    assert [one["account_sid"] for one in json.loads(listed.stdout)] == [account]
    with closing(Database.connect(f"sqlite:///{copy}")) as database, database.snapshot() as tx:
        assert tx.instance.find("told by") == "who crashed"


@pytest.mark.parametrize("trouble", [_fill, _make_read_only])
def test_commands_that_write_say_on_a_bad_disk_what_to_do(disk: Path, trouble: Callable[[Path], None]) -> None:
    """They do nothing, half of nothing, and end with a message instead of a trace."""
    folder = disk / "data"
    account, commands = _instance(folder)
    before = _run(folder, *commands[2]).stdout
    trouble(disk)
    for words in (("accounts", "create"), ("accounts", "rotate", account), ("rejections", "drop", "1")):
        refused = _run(folder, *words)
        assert refused.exit_code in {Outcome.FAILED, Outcome.TRY_AGAIN}, (words, refused.output)
        assert "state database cannot be" in " ".join(refused.stderr.split())
    assert _run(folder, *commands[2]).stdout == before


def test_a_database_of_another_version_that_cannot_be_written_is_refused(disk: Path) -> None:
    """It would be read as what it is not; migrating it needs a disk that can be written."""
    folder = disk / "data"
    _instance(folder)
    database = Database.connect(f"sqlite:///{folder / 'dayfile.sqlite'}")
    with closing(database), database.exclusively() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    change(disk, "ro")
    refused = _run(folder, "accounts", "list")
    assert refused.exit_code == Outcome.FAILED
    assert "schema of another version" in " ".join(refused.stderr.split())
