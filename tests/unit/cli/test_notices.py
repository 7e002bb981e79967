"""The operator's view of notices, on an instance of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dayfile.cli.exit_codes import Outcome
from dayfile.model.account import AccountSid
from dayfile.model.notice import Channel, Result
from dayfile.store.database import Database
from tests.support.lanes import attempted, claimed, concluded
from tests.support.notices import a_notice, an_outcome, told
from tests.support.state import a_sid

pytestmark = pytest.mark.usefixtures("made")

NONE = a_sid("EV", "none")


@pytest.fixture
def account(run: Any) -> AccountSid:
    """An account of a new instance."""
    return AccountSid(json.loads(run("accounts", "create", "--json").stdout)["account_sid"])


@pytest.fixture
def sids(account: AccountSid, data_folder: Path) -> list[str]:
    """Two notices: one that failed, then one that was delivered."""
    database = Database.connect(f"sqlite:///{data_folder / 'dayfile.sqlite'}")
    hook = a_notice(account, "hook", receiver="https://user:pass@example.com/hook?token=secret")
    mail = a_notice(account, "mail", receiver="someone@example.com", channel=Channel.MAIL)
    told(database, hook)
    told(database, mail)
    attempted(database, account, fails=True)
    turn = claimed(database, account)
    assert turn is not None
    concluded(database, turn, an_outcome(Result.DELIVERED))
    database.close()
    return [hook.sid, mail.sid]


def test_notices_are_listed_by_account_and_state(run: Any, account: AccountSid, sids: list[str]) -> None:
    """It shows which customer was not told, and the address without what is secret in it."""
    hook, mail = sids
    table = run("notices", "list").stdout
    assert [line.split()[:3] for line in table.splitlines()[1:]] == [[mail, "delivered", "1"], [hook, "pending", "1"]]
    assert "https://example.com" in table
    assert "secret" not in table

    def listed(*options: str) -> list[str]:
        return [notice["event_sid"] for notice in json.loads(run("notices", "list", "--json", *options).stdout)]

    assert listed() == [mail, hook]
    assert listed("--state", "pending", "--account", account) == [hook]
    assert listed("--account", "AC" + "0" * 32) == []
    assert listed("--before", mail) == [hook]
    assert listed("--limit", "1") == [mail]
    assert f"--before {mail}" in run("notices", "list", "--limit", "1").stderr
    assert run("notices", "list", "--before", NONE).exit_code == Outcome.NOT_FOUND


def test_a_notice_is_shown_with_every_attempt(run: Any, sids: list[str]) -> None:
    """The receiver's answer is what the operator is asked about."""
    shown = run("notices", "show", sids[0]).stdout
    assert "it answered 500" in shown
    body = json.loads(run("notices", "show", sids[0], "--json").stdout)
    assert [attempt["status_code"] for attempt in body["attempts"]] == [500]
    assert run("notices", "show", NONE).exit_code == Outcome.NOT_FOUND


def test_a_notice_is_told_again_and_a_pending_one_at_once(run: Any, sids: list[str]) -> None:
    """The operator knows more than the schedule, whatever the notice's state."""
    hook, mail = sids

    def shown(sid: str) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(run("notices", "show", sid, "--json").stdout)
        return body

    before = shown(hook)
    brought = run("notices", "replay", hook)
    assert (brought.exit_code, "at once" in brought.stderr) == (Outcome.DONE, True)
    assert (shown(hook)["state"], shown(hook)["attempt_count"]) == ("pending", before["attempt_count"])
    assert run("notices", "replay", mail).exit_code == Outcome.DONE
    assert (shown(mail)["state"], shown(mail)["attempt_count"]) == ("pending", 0)
    assert run("audit", "list").stdout.count("notice.replayed") == 2


def test_check_finds_notices_that_nobody_delivers(run: Any, sids: list[str]) -> None:
    """No worker runs on this instance, and the failed notice is from long ago."""
    found = json.loads(run("check", "--json").stdout)
    assert [finding["invariant"] for finding in found] == ["a notice does not hang"]


@pytest.fixture
def letter(account: AccountSid, data_folder: Path) -> Path:
    """A letter that lies in the mail folder: there is no mail server."""
    database = Database.connect(f"sqlite:///{data_folder / 'dayfile.sqlite'}")
    mail = a_notice(account, "letter", receiver="someone@mail.example.com", channel=Channel.MAIL)
    told(database, mail)
    turn = claimed(database, account)
    assert turn is not None
    concluded(database, turn, an_outcome(Result.UNSENT, status=None))
    database.close()
    path = data_folder / "mail" / f"{mail.sid}.eml"
    path.parent.mkdir()
    path.write_text("a letter")
    return path


def test_a_letter_that_stays_in_the_folder_is_not_called_delivered(run: Any, letter: Path) -> None:
    """The customer waits for it; the operator is told where it lies and what to do."""
    assert letter.stem in run("notices", "list", "--state", "unsent").stdout
    assert run("notices", "list", "--state", "delivered", "--json").stdout.strip() == "[]"
    shown = run("notices", "show", letter.stem).stdout
    assert "unsent" in shown
    assert "delivered" not in shown
    assert str(letter) in "".join(shown.split())
    body = json.loads(run("notices", "show", letter.stem, "--json").stdout)
    assert (body["state"], [attempt["outcome"] for attempt in body["attempts"]]) == ("unsent", ["unsent"])


def test_check_finds_letters_until_they_are_taken_away_or_told_again(run: Any, letter: Path) -> None:
    """Collected letters are dealt with; of the others the operator is told that nobody has read them."""
    checked = run("check", "--json")
    (found,) = json.loads(checked.stdout)
    assert (checked.exit_code, found["invariant"]) == (Outcome.FAILED, "who waits for a job is told")
    assert str(letter.parent) in found["subject"]
    assert found["detail"].startswith("1 letter lies")
    assert "DAYFILE_SMTP_URL" in found["detail"]
    letter.unlink()
    assert run("check").exit_code == Outcome.DONE


def test_several_notices_are_told_again_at_once(run: Any, sids: list[str], letter: Path) -> None:
    """A mail server that is set later sends what lies in the folder, if the operator wants that."""
    assert run("notices", "replay", sids[1], letter.stem).exit_code == Outcome.DONE
    pending = json.loads(run("notices", "list", "--state", "pending", "--json").stdout)
    assert {notice["event_sid"] for notice in pending} >= {sids[1], letter.stem}
