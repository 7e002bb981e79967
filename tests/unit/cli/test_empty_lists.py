"""Lists with nothing in them: they say what is true of what was asked for, and what to do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dayfile.cli.exit_codes import Outcome

pytestmark = pytest.mark.usefixtures("made")


def test_a_list_of_rejections_says_that_all_was_accepted_only_if_it_is_of_all(run: Any) -> None:
    """Somebody who asks for one reason, and is told that there is no rejection, looks no further."""
    for words in (["list"], ["groups"]):
        assert "every line was accepted" in run("rejections", *words).stderr
    for words in (["list", "--reason", "price"], ["list", "--after", "7"], ["groups", "--type", "Calls"]):
        assert "There is no such rejection" in run("rejections", *words).stderr


def test_a_list_of_keys_says_how_to_make_one_of_that_account(run: Any) -> None:
    """A key of the operator, made in its place, would own nothing and read nothing."""
    sid = json.loads(run("accounts", "create", "--json").stdout)["account_sid"]
    assert f"dayfile keys create --account {sid}" in run("keys", "list", "--account", sid).stderr
    assert "dayfile keys create --operator" in run("keys", "list").stderr
    assert run("keys", "list", "--account", "AC" + "0" * 32).exit_code == Outcome.NOT_FOUND


def test_nothing_is_still_damaged_where_nothing_was(run: Any) -> None:
    """A count of none makes people look for more."""
    said = run("damage", "retry").stderr
    assert "No damaged object is known" in said
    assert "still damaged" not in said
