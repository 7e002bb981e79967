from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dayfile.cli.exit_codes import Outcome
from tests.support.terminal import CTRL_C, Seen, typed

pytestmark = pytest.mark.usefixtures("made")


@pytest.fixture
def at_terminal(data_folder: Path, tmp_path: Path) -> Any:
    """Run a command line on a terminal, on the same instance as `run`."""

    def run_command(*words: str, answer: str) -> Seen:
        return typed(*words, answer=answer, folder=tmp_path, variables={"DAYFILE_DATA_DIR": str(data_folder)})

    return run_command


def states(run: Any) -> list[str]:
    """The state of every account."""
    return [account["status"] for account in json.loads(run("accounts", "list", "--json").stdout)]


@pytest.fixture
def account(run: Any) -> str:
    """An account of a new instance."""
    return str(json.loads(run("accounts", "create", "--name", "Acme", "--json").stdout)["account_sid"])


def test_an_account_is_closed_when_the_answer_is_yes(run: Any, at_terminal: Any, account: str) -> None:
    """It is for good: a sid that was pasted into the wrong line must not be the end of a customer."""
    for answer in ("\n", "n\n", "no\n", "\x04"):
        refused = at_terminal("accounts", "close", account, answer=answer)
        assert (refused.exit_code, "Nothing was changed" in refused.text) == (Outcome.FAILED, True)
        assert f"Close {account} (Acme)" in refused.text
        assert states(run) == ["active"]
    assert at_terminal("accounts", "close", account, answer="y\n").exit_code == Outcome.DONE
    assert states(run) == ["closed"]


def test_a_script_says_yes_beforehand(run: Any, account: str) -> None:
    """Nobody is there to be asked: what cannot be undone is done when it is said to be meant, and not before."""
    refused = run("accounts", "close", account)
    assert (refused.exit_code, refused.stdout) == (Outcome.USAGE, "")
    assert "--yes" in refused.stderr
    assert states(run) == ["active"]
    assert run("accounts", "close", account, "--yes").exit_code == Outcome.DONE
    assert states(run) == ["closed"]
    assert run("accounts", "close", account).exit_code == Outcome.DONE, "there is nothing left to ask about"


def test_a_key_is_revoked_when_the_answer_is_yes(run: Any, at_terminal: Any) -> None:
    """Programs that use it stop at once."""
    sid = json.loads(run("keys", "create", "--operator", "--name", "gateway", "--json").stdout)["sid"]

    def revoked() -> object:
        return json.loads(run("keys", "list", "--json").stdout)[0]["date_revoked"]

    refused = at_terminal("keys", "revoke", sid, answer="n\n")
    assert (refused.exit_code, f"Revoke {sid} of the operator (gateway)" in refused.text) == (Outcome.FAILED, True)
    assert run("keys", "revoke", sid).exit_code == Outcome.USAGE
    assert revoked() is None
    assert at_terminal("keys", "revoke", sid, answer="yes\n").exit_code == Outcome.DONE
    assert revoked()


def test_all_rejections_are_dropped_when_the_answer_is_yes(run: Any, at_terminal: Any) -> None:
    """They are all that is left of lines that a sender may not have any more."""
    run("intake", "Messages", "-", text="bad\n" * 3)

    def left() -> int:
        return len(json.loads(run("rejections", "list", "--json").stdout))

    refused = at_terminal("rejections", "drop", "--all", answer="n\n")
    assert (refused.exit_code, "Drop 3 rejections" in refused.text) == (Outcome.FAILED, True)
    assert run("rejections", "drop", "--all").exit_code == Outcome.USAGE
    assert left() == 3
    number = str(json.loads(run("rejections", "list", "--json").stdout)[0]["number"])
    assert at_terminal("rejections", "drop", number, answer="n\n").exit_code == Outcome.FAILED
    assert left() == 3
    assert run("rejections", "drop", number).exit_code == Outcome.DONE, "a script that names one has said which"
    assert left() == 2
    assert at_terminal("rejections", "drop", "--all", answer="y\n").exit_code == Outcome.DONE
    assert left() == 0
    assert run("rejections", "drop", "--all").exit_code == Outcome.DONE, "there is nothing left to ask about"


@pytest.mark.parametrize("words", [("accounts", "rotate", "--now"), ("accounts", "rotate", "--finish")])
def test_a_token_that_works_is_ended_when_the_answer_is_yes(
    words: tuple[str, ...], run: Any, at_terminal: Any, account: str
) -> None:
    """Every program that still has it is shut out at once."""

    def deeds() -> int:
        return len(json.loads(run("audit", "list", "--json").stdout))

    before = deeds()
    refused = at_terminal(*words, account, answer="n\n")
    assert (refused.exit_code, deeds()) == (Outcome.FAILED, before)
    assert run(*words, account, "--yes").exit_code == Outcome.DONE
    assert run(*words, account).exit_code == Outcome.DONE
    assert deeds() == before + 2


def test_ctrl_c_at_the_question_is_a_stop_and_changes_nothing(run: Any, at_terminal: Any, account: str) -> None:
    """The exit code is that of everything that was stopped so."""
    assert at_terminal("accounts", "close", account, answer=CTRL_C).exit_code == Outcome.INTERRUPTED
    assert states(run) == ["active"]
