"""The login of a customer's command: where it may be written, and what is said when it cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dayfile.cli.exit_codes import Outcome
from dayfile.cli.remote import read_login
from dayfile.errors import InvalidParameter

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, in which a `.env` may be."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_login_is_read_from_the_file_of_settings(folder: Path) -> None:
    """The operator's commands read it, and nobody knows that a customer's are others."""
    (folder / ".env").write_text(
        f"DAYFILE_URL=http://127.0.0.1:9\nDAYFILE_ACCOUNT_SID=AC1\nDAYFILE_AUTH_TOKEN={TOKEN}\n"
    )
    login = read_login(None, None, None)
    assert (login.url, login.username, login.password) == ("http://127.0.0.1:9", "AC1", TOKEN)
    assert read_login(None, "AC2", None).username == "AC2", "an option or a variable wins"


def test_a_command_reads_it_too(folder: Path, run: Any) -> None:
    """The whole command line, as a user types it."""
    (folder / ".env").write_text(
        f"DAYFILE_URL=http://127.0.0.1:9\nDAYFILE_ACCOUNT_SID=AC1\nDAYFILE_AUTH_TOKEN={TOKEN}\n"
    )
    done = run("jobs", "delete", "JS" + "0" * 32)
    assert (done.exit_code, "127.0.0.1:9 cannot be reached" in done.stderr) == (Outcome.TRY_AGAIN, True)


def test_a_line_feed_behind_a_token_is_none_of_it() -> None:
    """It comes from a file or a secret of Kubernetes, and was a puzzling 401."""
    login = read_login("http://127.0.0.1:9/\n", " AC1\r\n", f"{TOKEN}\n")
    assert (login.url, login.username, login.password) == ("http://127.0.0.1:9/", "AC1", TOKEN)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://exports.example/v1", "without a path"),
        ("https://exports.example?x=1", "without a path"),
        ("https://exports.example/#x", "without a path"),
        ("https://AC1:secret@exports.example", "no credentials"),
        ("exports.example", "http or https URL"),
        ("ftp://exports.example", "http or https URL"),
    ],
)
def test_an_address_with_more_than_a_host_is_refused(url: str, words: str) -> None:
    """Half of its requests would go to another place than the other half."""
    with pytest.raises(InvalidParameter, match=words) as refused:
        read_login(url, "AC1", TOKEN)
    assert "DAYFILE_URL" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_everything_that_is_wrong_is_told_together(folder: Path, run: Any) -> None:
    """A user who mends one mistake should not meet the next."""
    done = run("days", "list", "Messages", DAYFILE_URL="ftp://x", DAYFILE_AUTH_TOKEN="a b", DAYFILE_ACOUNT_SID="AC1")
    assert (done.exit_code, done.stdout) == (Outcome.USAGE, "")
    for words in ("ftp://x", "DAYFILE_ACCOUNT_SID", "white space", "did you mean DAYFILE_ACCOUNT_SID"):
        assert words in " ".join(done.stderr.split()), done.stderr
    missing = run("days", "list", "Messages").stderr
    for name in ("DAYFILE_URL", "DAYFILE_ACCOUNT_SID", "DAYFILE_AUTH_TOKEN"):
        assert name in missing
    (folder / ".env").write_text("DAYFILE_TOKEN=x\n")
    assert "DAYFILE_TOKEN in .env" in run("days", "list", "Messages").stderr
