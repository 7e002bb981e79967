from __future__ import annotations

import json
from typing import Any

import pytest

from dayfile.cli.exit_codes import Outcome

pytestmark = pytest.mark.usefixtures("made")


def made(run: Any, *options: str) -> dict[str, Any]:
    """A new account."""
    return json.loads(run("accounts", "create", *options, "--json").stdout)  # type: ignore[no-any-return]


def shown(run: Any, account: str) -> dict[str, Any]:
    """Return the account as `accounts show` has it."""
    return json.loads(run("accounts", "show", account, "--json").stdout)  # type: ignore[no-any-return]


def test_the_life_of_an_account_can_be_told_in_commands(run: Any) -> None:
    """Everything an operator does to one, and what `show` says after each."""
    sid = made(run, "--name", "acme", "--email", "ops@example.com")["account_sid"]
    assert (shown(run, sid)["status"], shown(run, sid)["email"]) == ("active", "ops@example.com")
    for command, status in (("suspend", "suspended"), ("activate", "active"), ("close", "closed"), ("close", "closed")):
        assert run("accounts", command, sid, *(["--yes"] if command == "close" else [])).exit_code == Outcome.DONE
        assert shown(run, sid)["status"] == status
    done = run("accounts", "activate", sid)
    assert done.exit_code == Outcome.FAILED
    assert "closed, and that is for good" in done.stderr
    assert "acme" in run("accounts", "show", sid).stdout


def test_a_rotation_says_how_long_the_old_token_works(run: Any) -> None:
    """The operator plans the change of every sender by it."""
    sid = made(run)["account_sid"]
    assert shown(run, sid)["old_token_works_until"] is None
    rotated = json.loads(run("accounts", "rotate", sid, "--keep-old-for", "7d", "--json").stdout)
    assert rotated["old_token_works_until"] == shown(run, sid)["old_token_works_until"] is not None
    assert "works until" in run("accounts", "rotate", sid).stderr
    assert run("accounts", "rotate", sid, "--finish").exit_code == Outcome.DONE
    assert shown(run, sid)["old_token_works_until"] is None
    assert "has stopped working" in run("accounts", "rotate", sid, "--now").stderr
    assert json.loads(run("accounts", "rotate", sid, "--now", "--json").stdout)["old_token_works_until"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--keep-old-for", "soon"), "a duration is a number with its unit"),
        (("--keep-old-for", "24"), "a duration is a number with its unit"),
        (("--now", "--finish"), "exclude one another"),
        (("--now", "--keep-old-for", "1h"), "exclude one another"),
    ],
)
def test_a_rotation_that_is_not_clear_does_nothing(run: Any, words: tuple[str, ...], message: str) -> None:
    """A token that stops by a mistake stops somebody's exports."""
    done = run("accounts", "rotate", made(run)["account_sid"], *words)
    assert done.exit_code == Outcome.USAGE
    assert message in " ".join(done.stderr.replace("│", " ").split())


@pytest.mark.parametrize("command", ["show", "rotate", "suspend", "activate", "close"])
def test_an_account_that_is_not_there_has_its_own_exit_code(run: Any, command: str) -> None:
    """A script tells a mistyped sid from a failure."""
    assert run("accounts", command, "AC" + "0" * 32).exit_code == Outcome.NOT_FOUND


def test_a_parent_that_is_none_is_refused(run: Any) -> None:
    """Two levels, no more."""
    child = made(run, "--parent", made(run)["account_sid"])["account_sid"]
    for parent, message in ((child, "is a subaccount itself"), ("AC" + "0" * 32, "is no account here")):
        done = run("accounts", "create", "--parent", parent)
        assert done.exit_code != Outcome.DONE
        assert message in done.stderr


def test_an_email_that_is_none_is_refused(run: Any) -> None:
    """Mail to it would only ever come back."""
    assert run("accounts", "create", "--email", "nobody").exit_code == Outcome.USAGE


def test_keys_of_accounts_have_kinds(run: Any) -> None:
    """The list tells what a key may do, for an operator who looks for the one that may too much."""
    sid = made(run)["account_sid"]
    for options in (("--kind", "main"), (), ("--permission", "jobs:write", "--permission", "exports:read")):
        assert run("keys", "create", "--account", sid, *options).exit_code == Outcome.DONE
    main, standard, restricted = json.loads(run("keys", "list", "--account", sid, "--json").stdout)
    assert [key["kind"] for key in (main, standard, restricted)] == ["main", "standard", "restricted"]
    assert set(main["permissions"]) - set(standard["permissions"]) == {"keys:write"}
    assert restricted["permissions"] == ["exports:read", "jobs:write"]
    assert "everything but manage keys" in run("keys", "list").stdout
    assert shown(run, sid)["keys"] == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--kind", "restricted"), "name at least one"),
        (("--permission", "everything"), "'everything' is not one of"),
        (("--permission", "keys:write"), "needs a main key"),
        (("--kind", "main", "--permission", "jobs:write"), "belong to restricted keys"),
        (("--kind", "operator"), "every other key has one"),
        (("--scope", "intake"), "scopes belong to operator keys"),
        (("--operator",), "whose key it is"),
    ],
)
def test_a_key_that_could_not_be_is_a_mistake_in_the_command(run: Any, words: tuple[str, ...], message: str) -> None:
    """Before anything is made."""
    sid = made(run)["account_sid"]
    done = run("keys", "create", "--account", sid, *words)
    assert done.exit_code == Outcome.USAGE
    assert message in " ".join(done.stderr.replace("│", " ").split())
    assert json.loads(run("keys", "list", "--json").stdout) == []
