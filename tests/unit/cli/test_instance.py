from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dayfile.cli.exit_codes import Outcome

ACCOUNT = "AC" + "0" * 32
KEY = "SK" + "0" * 32
NOTICE = "EV" + "0" * 32

COMMANDS = [
    ("accounts", "create"),
    ("accounts", "list"),
    ("accounts", "show", ACCOUNT),
    ("accounts", "rotate", ACCOUNT),
    ("accounts", "suspend", ACCOUNT),
    ("accounts", "activate", ACCOUNT),
    ("accounts", "close", ACCOUNT, "--yes"),
    ("accounts", "webhook-secret", ACCOUNT),
    ("accounts", "webhook-secret", ACCOUNT, "--rotate"),
    ("accounts", "import", "accounts.csv", "--dry-run"),
    ("keys", "create", "--operator"),
    ("keys", "list"),
    ("keys", "revoke", KEY, "--yes"),
    ("status",),
    ("backup", "there"),
    ("storage", "test"),
    ("damage", "list"),
    ("damage", "retry", "1"),
    ("jobs", "list", "--account", ACCOUNT),
    ("days", "list", "--account", ACCOUNT),
    ("configuration", "show", "Messages", "--account", ACCOUNT),
    ("rejections", "groups"),
    ("rejections", "list"),
    ("rejections", "show", "1"),
    ("rejections", "retry", "--all"),
    ("rejections", "drop", "--all", "--yes"),
    ("audit", "list"),
    ("notices", "list"),
    ("notices", "show", NOTICE),
    ("notices", "replay", NOTICE),
    ("clock",),
    ("clock", "accept"),
    ("check",),
    ("check", "--deep"),
    ("seal",),
    ("intake", "Messages", "messages.json"),
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is not the one of an instance, with files that commands may be given."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "accounts.csv").write_text(f"sid,friendly_name\n{ACCOUNT},Acme\n")
    (folder / "messages.json").write_text("{}\n")
    return folder


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_in_a_folder_without_an_instance_nothing_is_made_or_told(words: tuple[str, ...], here: Path, run: Any) -> None:
    """In the wrong folder a check found nothing wrong, and an account got a token that no server knows."""
    done = run(*words, DAYFILE_DATA_DIR="")
    assert (done.exit_code, done.stdout) == (Outcome.FAILED, "")
    assert f"there is no instance in {here / 'data'}" in done.stderr
    assert "dayfile init" in done.stderr
    assert sorted(path.name for path in here.iterdir()) == ["accounts.csv", "messages.json"]


def test_a_database_that_is_not_dayfile_s_is_left_alone(here: Path, run: Any) -> None:
    """Its name is easily mistaken for another's; not even its permissions or its journal may change."""
    file = here / "other.sqlite"
    with closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        other.execute("INSERT INTO alembic_version VALUES ('ab12')")
        other.commit()
    file.chmod(0o644)
    before = file.read_bytes(), file.stat().st_mode
    refused = run("check", DAYFILE_DATA_DIR=str(here / "data"), DAYFILE_DATABASE_URL=f"sqlite:///{file}")
    assert refused.exit_code == Outcome.FAILED
    assert f"there is no instance in {here / 'data'}, its database sqlite:///{file}" in refused.stderr
    assert (file.read_bytes(), file.stat().st_mode) == before
    assert sorted(path.name for path in here.iterdir()) == ["accounts.csv", "messages.json", "other.sqlite"]


def test_an_empty_file_is_no_instance(data_folder: Path, run: Any) -> None:
    """A first start that is killed in its first moment leaves it so."""
    data_folder.mkdir()
    (data_folder / "dayfile.sqlite").touch()
    assert run("check").exit_code == Outcome.FAILED
    assert (data_folder / "dayfile.sqlite").stat().st_size == 0
    assert run("init").exit_code == Outcome.DONE
    assert run("check").exit_code == Outcome.DONE


def test_init_makes_an_instance_once(data_folder: Path, run: Any) -> None:
    """It is the first command of the README; whoever types it twice loses nothing."""
    made = json.loads(run("init", "--json").stdout)
    assert (made["made"], made["data_dir"]) == (True, str(data_folder))
    key = (data_folder / "secret.key").read_text()
    account = json.loads(run("accounts", "create", "--json").stdout)["account_sid"]
    again = run("init")
    assert (again.exit_code, f"an instance in {data_folder} already" in again.stdout) == (Outcome.DONE, True)
    assert json.loads(run("init", "--json").stdout)["made"] is False
    assert (data_folder / "secret.key").read_text() == key
    assert json.loads(run("accounts", "list", "--json").stdout)[0]["account_sid"] == account


def test_a_list_of_accounts_may_be_the_beginning(here: Path, data_folder: Path, run: Any) -> None:
    """A platform's accounts come first: that command makes the instance that they are brought to."""
    assert run("accounts", "import", "accounts.csv").exit_code == Outcome.DONE
    assert json.loads(run("accounts", "list", "--json").stdout)[0]["account_sid"] == ACCOUNT
    assert (data_folder / "secret.key").exists()


def test_what_was_acted_on_is_named(data_folder: Path, run: Any) -> None:
    """With several instances on a machine, `All is well` must say where, and so must what is not there."""
    run("init")
    assert str(data_folder) in run("check").stderr
    assert str(data_folder) in run("accounts", "create").stderr
    assert str(data_folder) in run("keys", "create", "--operator").stderr
    missing = run("accounts", "show", ACCOUNT)
    assert (missing.exit_code, str(data_folder) in missing.stderr) == (Outcome.NOT_FOUND, True)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "words", [("check",), ("init",), ("accounts", "create"), ("accounts", "import", "accounts.csv")]
)
def test_a_key_is_never_made_beside_a_database_that_has_one(
    words: tuple[str, ...], data_folder: Path, run: Any
) -> None:
    """The next backup would copy it over the good one, and every secret in the database would be lost."""
    run("init")
    (data_folder / "secret.key").rename(data_folder / "moved")
    refused = run(*words)
    assert refused.exit_code == Outcome.FAILED
    assert f"there is no {data_folder / 'secret.key'}" in refused.stderr
    assert not (data_folder / "secret.key").exists()
    (data_folder / "moved").rename(data_folder / "secret.key")
    assert run(*words).exit_code == Outcome.DONE


@pytest.mark.parametrize("beneath", ["", "data"])
def test_a_file_in_the_place_of_the_data_folder_is_named_with_the_setting(
    beneath: str, tmp_path: Path, run: Any
) -> None:
    """A name that was taken, or mistyped: what the system says of a file that nobody asked for helps nobody."""
    (tmp_path / "notes.txt").write_text("mine")
    place = str(tmp_path / "notes.txt" / beneath)
    absent, refused = (run(word, DAYFILE_DATA_DIR=place) for word in ("status", "init"))
    assert absent.exit_code == refused.exit_code == Outcome.FAILED
    assert f"there is no instance in {place}" in absent.stderr
    assert f"the data folder {place} cannot be used: Not a directory" in refused.stderr
    assert "DAYFILE_DATA_DIR" in refused.stderr


def test_a_first_start_that_was_killed_is_gone_on_with(data_folder: Path, run: Any) -> None:
    """Neither a database without a key nor a key without a database is an instance; both become one."""
    run("init")
    with closing(sqlite3.connect(data_folder / "dayfile.sqlite")) as database:
        database.execute("DELETE FROM instance")
        database.commit()
    (data_folder / "secret.key").unlink()
    assert "there is no instance" in run("check").stderr
    assert run("init").exit_code == Outcome.DONE
    for file in data_folder.glob("dayfile.sqlite*"):
        file.unlink()
    assert "there is no instance" in run("check").stderr
    assert run("init").exit_code == Outcome.DONE
    assert run("check").exit_code == Outcome.DONE
