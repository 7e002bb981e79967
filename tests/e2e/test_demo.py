"""The demo, as somebody who tries Dayfile for the first time runs it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from dayfile.cli.exit_codes import Outcome
from tests.e2e.cli_instance import Instance
from tests.support.postgres_server import PostgresServer
from tests.support.postgres_watch import gone
from tests.support.swift import Bucket
from tests.support.working_folders import working_in

ACCOUNTS = ["AC268a0a78", "AC94d38376", "ACb1b808d5"]
"""The beginnings of the sids of its accounts, on every machine."""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Run the demo beside an environment and .env of a real instance; return its output and folder."""
    instance = Instance(tmp_path_factory.mktemp("demo"))
    instance.variables["DAYFILE_DATABASE_URL"] = f"sqlite:///{instance.folder / 'real.sqlite'}"
    (instance.folder / ".env").write_text(f"DAYFILE_STORAGE_URL=file://{instance.folder / 'real'}\nDAYFILE_PORT=1\n")
    return instance.run("demo", "--exit", "--records", "300", "--data-dir", "own").stdout, instance.folder


def test_the_demo_proves_what_it_shows(shown: tuple[str, Path]) -> None:
    """Everything that Dayfile does, through a real server; one claim that does not hold makes it fail."""
    text, _ = shown
    rows = _proofs(text)
    assert len(rows) >= 10
    assert [row for row in rows if row[3] != "yes" or row[1] != row[2]] == []
    assert "366 days in" in text


def test_the_demo_ends_with_the_hash_of_all_its_texts(shown: tuple[str, Path]) -> None:
    """Two who ran it on one day can compare one line; so every demo has the same accounts."""
    text, folder = shown
    last = text.splitlines()[-1]
    assert re.fullmatch("[0-9a-f]{64}", last)
    [row] = [row for row in _proofs(text) if "texts together" in row[0]]
    assert last.startswith(row[2])
    own = Instance(folder, {"DAYFILE_DATA_DIR": str(folder / "own")})
    assert sorted(one["account_sid"][:10] for one in own.json("accounts", "list")) == ACCOUNTS


def _proofs(text: str) -> list[tuple[str, ...]]:
    """The rows of the table of proofs: claim, expected, found, and if it holds."""
    return re.findall(r"^(.+?) {2,}(\S.*?) {2,}(\S.*?)  +(yes|NO)$", text, flags=re.MULTILINE)


def test_the_demo_begins_with_its_address(shown: tuple[str, Path]) -> None:
    """A line of the log before it is a riddle to whoever sees Dayfile for the first time."""
    assert shown[0].startswith("A server of the demo's own is ready: http://")


def test_the_demo_touches_nothing_but_its_own_folder(shown: tuple[str, Path]) -> None:
    """A user with a real instance, or a .env that leads to one, must be able to try the demo beside it."""
    _, folder = shown
    assert sorted(path.name for path in folder.iterdir()) == [".env", "own"]
    assert {"dayfile.sqlite", "objects", "downloads"} <= {path.name for path in (folder / "own").iterdir()}


def test_the_demo_leaves_an_instance_in_its_folder_alone(tmp_path: Path) -> None:
    """Made-up accounts and records in a real instance could not be told from real ones."""
    instance = Instance(tmp_path)
    instance.run("init")
    said = instance.run("demo", "--exit", "--data-dir", "data", expect=Outcome.FAILED).stderr
    assert "name a folder without one" in said
    assert instance.json("accounts", "list") == []


@pytest.mark.slow
def test_the_demo_proves_the_same_on_postgresql_and_an_object_store(
    tmp_path: Path, bucket: Bucket, shown: tuple[str, Path]
) -> None:
    """URLs are all it takes; and where something is already, nothing is touched."""
    server = PostgresServer(Path(tempfile.mkdtemp(prefix="dayfile-")))
    urls = ["--database-url", server.a_database(), "--storage-url", bucket.url]
    instance = Instance(tmp_path)
    instance.variables |= bucket.environment()
    text = instance.run("demo", "--exit", "--records", "300", *urls).stdout
    rows = _proofs(text)
    assert len(rows) >= 10
    if re.findall("no records on .*", text) == re.findall("no records on .*", shown[0]):  # else it was midnight
        assert text.splitlines()[-1] == shown[0].splitlines()[-1]
    assert [row for row in rows if row[3] != "yes" or row[1] != row[2]] == []
    assert "name a database without one" in instance.run("demo", "--exit", *urls, expect=1).stderr
    assert "name an empty bucket" in instance.run("demo", "--exit", *urls[2:], expect=1).stderr
    server.stop()


def test_the_demo_stays_until_ctrl_c_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """It prints what to paste, to be tried while it runs; afterwards its folder is gone."""
    with Instance(tmp_path).start("demo", "--records", "100") as process:
        assert process.stdout is not None
        text = ""
        while "the operator is:" not in text:
            line = process.stdout.readline()
            assert line, text
            text += line
        folder = re.search(r"data in (\S+)\)", text)
        assert folder is not None
        assert Path(folder[1]).exists()
        _paste(text, tmp_path)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert not Path(folder[1]).exists()
    for name in ("DAYFILE_URL", "DAYFILE_ACCOUNT_SID", "DAYFILE_AUTH_TOKEN"):
        assert re.search(rf"^export {name}=\S+$", text, flags=re.MULTILINE)


def test_a_demo_that_is_killed_leaves_no_server_behind(tmp_path: Path) -> None:
    """Nobody who ends it by force has to look for processes afterwards, and its port is free."""
    own = tmp_path / "own"
    with Instance(tmp_path).start("demo", "--records", "100", "--data-dir", str(own)) as process:
        assert process.stdout is not None
        process.stdout.readline()
        [server] = working_in(own)
        process.kill()
        process.wait()
        assert gone(server, within_seconds=60)


BASH = "/bin/bash"


def _paste(text: str, folder: Path) -> None:
    """Paste what is printed into a shell of somebody who has Dayfile nowhere on the PATH: every line works."""
    commands, python = re.findall(
        r"^(export DAYFILE_URL.*?-o downloads)$.*?^(\S+ - <<'PYTHON'.*?^PYTHON)$", text, re.MULTILINE | re.DOTALL
    )[0]
    environment = {"PATH": os.defpath, "HOME": str(folder)}
    printed = ""
    for lines in (commands, python):
        done = subprocess.run(
            [BASH, "-euo", "pipefail", "-c", lines],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (lines, done.stdout, done.stderr)
        printed = done.stdout
    assert "export" in printed.lower() or "job" in printed.lower(), printed
    assert list((folder / "downloads").iterdir())
