from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dayfile import __version__
from dayfile.cli.controls import plain_lines
from dayfile.cli.exit_codes import Outcome

NAME = "\u0142\xf3d\u017a \U0001f600"
SERVER = {"DAYFILE_URL": "http://127.0.0.1:9", "DAYFILE_ACCOUNT_SID": "AC1", "DAYFILE_AUTH_TOKEN": "secret"}


def test_the_help_tells_whose_command_is_whose(run: Any) -> None:
    """Half of the commands act on this machine, the other half on any server: mixing them up is easy."""
    shown = run("--help").output
    operator, customer = shown.index("Operator (acts on the instance)"), shown.index("Customer (speaks HTTP")
    assert operator < shown.index(" intake ") < customer < shown.index(" jobs ")


@pytest.mark.parametrize(
    ("words", "usage"),
    [
        ("intake", "dayfile intake [OPTIONS] TYPE FILE..."),
        ("jobs create", "dayfile jobs create [OPTIONS] TYPE DAYS"),
        ("rejections retry", "dayfile rejections retry [OPTIONS] [NUMBER...]"),
        ("", "dayfile [OPTIONS] COMMAND [ARGS]..."),
    ],
)
def test_the_help_names_what_to_write_and_no_type_of_python(words: str, usage: str, run: Any) -> None:
    """`<bool>` behind a flag asks for something that must not be given."""
    shown = run(*words.split(), "--help").output
    assert f"Usage: {usage} " in shown
    assert not re.search(r"<\w+>|<list", shown)


def test_the_help_waits_for_nothing_that_it_does_not_need() -> None:
    """A user who looks up an option, or presses Tab, waits for every import."""
    slow = {"duckdb", "pyarrow", "sqlalchemy", "starlette"}
    asked = f"import sys, dayfile.cli.app; print(sorted({slow} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_version_is_shown(run: Any) -> None:
    """It is the first question in every report."""
    assert run("--version").output == run("-V").output == f"dayfile {__version__}\n"


@pytest.mark.parametrize(
    "words",
    [
        ("jobs", "list", "messages"),
        ("jobs", "create", "Messages", "2026-10-1"),
        ("jobs", "create", "Messages", "2026-10-02..2026-10-01"),
        ("days", "fetch", "Messages", "2026-02-30"),
        ("accounts", "rotate", "ac1"),
        ("intake", "Messages", "no-such-file"),
        ("keys", "create"),
        ("keys", "create", "--account", "AC" + "0" * 32, "--scope", "intake"),
        ("rejections", "drop"),
        ("rejections", "retry", "1", "--all"),
        ("serve", "--port", "many"),
        ("no-such-command",),
    ],
)
def test_a_mistake_on_the_command_line_is_a_usage_error(words: tuple[str, ...], run: Any) -> None:
    """Nothing is sent or changed; exit code 2, as everywhere."""
    done = run(*words, **SERVER)
    assert (done.exit_code, done.stdout) == (Outcome.USAGE, "")
    assert "Usage: dayfile" in done.stderr


NASTY = "a\x07\x1b[31m\x9b\u202e\ufeff\udcff"


@pytest.mark.parametrize(
    "words",
    [
        (NASTY,),
        ("jobs", NASTY),
        (f"--{NASTY}",),
        ("jobs", "list", NASTY),
        ("jobs", "list", "Messages", NASTY),
        ("jobs", "list", "Messages", f"--{NASTY}"),
        ("jobs", "create", "Messages", NASTY),
        ("days", "download", "Messages", "2026-10-01", "-o", NASTY),
        ("accounts", "show", NASTY),
        ("accounts", "rotate", "AC" + "0" * 32, "--keep-old-for", NASTY),
        ("accounts", "import", NASTY),
        ("keys", "create", "--account", NASTY),
        ("keys", "create", "--operator", "--scope", NASTY),
        ("keys", "revoke", NASTY),
        ("notices", "show", NASTY),
        ("rejections", "show", NASTY),
        ("audit", "list", "--before", NASTY),
        ("seal", "Messages", NASTY),
        ("intake", "Messages", NASTY),
        ("serve", "--port", NASTY),
        ("jobs", "show", NASTY, "--url", NASTY),
        ("jobs", "show", NASTY, "--url", f"http://{NASTY}"),
    ],
)
def test_a_mistake_is_told_without_the_terminal_s_controls(
    words: tuple[str, ...], run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A script gives names to a command that it got from somewhere, and its words come back in the message."""
    monkeypatch.chdir(tmp_path)
    done = run(*words, **SERVER)
    assert done.exit_code in set(Outcome) - {Outcome.DONE}
    assert not done.exception or isinstance(done.exception, SystemExit)
    told = done.output
    assert told
    assert plain_lines(told) == told


def test_a_missing_login_names_its_variable(run: Any) -> None:
    """A script sets variables; the message must say which."""
    assert "DAYFILE_URL" in run("jobs", "list", "Messages").stderr


def test_a_server_that_cannot_be_reached_is_worth_another_try(run: Any) -> None:
    """Its own exit code, and a message instead of a trace."""
    done = run("jobs", "delete", "JS" + "0" * 32, **SERVER)
    assert done.exit_code == Outcome.TRY_AGAIN
    assert done.stderr.startswith("Error: http://127.0.0.1:9 cannot be reached (Connection refused)")


def test_a_wrong_setting_is_told_and_not_traced(run: Any) -> None:
    """All of them at once, so that nobody has to find them one by one."""
    done = run("accounts", "list", DAYFILE_PORT="many", DAYFILE_QUOTA_DAYS="-1")
    assert done.exit_code == Outcome.FAILED
    assert "DAYFILE_PORT" in done.stderr
    assert "DAYFILE_QUOTA_DAYS" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_command_loads_only_what_it_needs() -> None:
    """A user who types a command waits for every library that it loads: what only the server needs takes a second."""
    heavy = {"alembic", "duckdb", "httpcore2", "httpx2", "jinja2", "pyarrow", "starlette", "uvicorn"}
    program = "import sys, dayfile.cli.app, dayfile.service; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert heavy.intersection(done.stdout.split()) == set()


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    "words",
    [
        ("audit", "list", "--actor", "\udcff"),
        ("accounts", "create", "--name", "\udcff"),
        ("keys", "create", "--operator", "--name", "\udcff"),
        ("jobs", "create", "Messages", "2026-10-01", "--name", "\udcff"),
        ("jobs", "show", "\udcff"),
        ("jobs", "list", "Messages", "--auth-token", "\udcff"),
    ],
)
def test_bytes_that_are_no_text_are_a_mistake_and_no_bug(words: tuple[str, ...], run: Any) -> None:
    """A shell passes on whatever it is given; neither a database nor a URL can hold it."""
    done = run(*words, **SERVER)
    assert (done.exit_code, done.stdout) == (Outcome.USAGE, "")
    assert "UTF-8" in done.stderr
    assert "\udcff" not in done.stderr


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "iso-8859-1"])
def test_what_an_encoding_lacks_is_spelled_out(encoding: str, tmp_path: Path) -> None:
    """A console of Windows, a minimal container: an emoji in somebody's name ended in a trace and "a bug"."""
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "DAYFILE_DATA_DIR": str(tmp_path / "data")}

    def run_command(*words: str) -> Any:
        return subprocess.run(
            [sys.executable, "-m", "dayfile", *words], env=environment, capture_output=True, check=False
        )

    run_command("init")
    made = run_command("accounts", "create", "--name", NAME, "--json")
    assert json.loads(made.stdout)["friendly_name"] == NAME
    assert made.stdout.isascii()
    listed = run_command("accounts", "list")
    assert (listed.returncode, rb"\U0001f600" in listed.stdout) == (0, True), listed
    assert run_command("accounts", NAME).returncode == Outcome.USAGE
    assert run_command("accounts", "show", NAME).returncode == Outcome.USAGE


def test_an_argument_that_is_no_text_is_told_in_every_locale(tmp_path: Path) -> None:
    """It comes as bytes, and a trace was all that came of it."""
    for encoding in ("cp1252", "utf-8"):
        done = subprocess.run(
            [sys.executable.encode(), b"-m", b"dayfile", b"jobs", b"show", b"\xff\xfe"],
            env={**os.environ, "PYTHONIOENCODING": encoding} | SERVER,
            cwd=tmp_path,
            capture_output=True,
            check=False,
        )
        assert (done.returncode, b"UTF-8" in done.stderr) == (Outcome.USAGE, True), done


def test_a_choice_that_there_is_not_is_told_without_the_words_of_a_library(run: Any) -> None:
    """They mean nothing to whoever reads them."""
    for option, offered in {
        ("--kind", "none"): "'operator', 'main', 'standard', 'restricted'",
        ("--scope", "none"): "'intake', 'accounts'",  # and none that cannot be given
        (
            "--permission",
            "none",
        ): "'exports:read', 'downloads:read', 'jobs:write', 'configuration:write', 'records:write'",
    }.items():
        shown = " ".join(run("keys", "create", "--operator", *option).output.replace("│", "").split())
        assert f"Invalid value for '{option[0]}': 'none' is not one of {offered}." in shown
    shown = " ".join(run("keys", "create", "--operator", "--scope", "erase").output.replace("│", "").split())
    assert "the scope 'erase' cannot be given yet" in shown
