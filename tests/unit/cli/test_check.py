"""`dayfile check`, as scripts and people read it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dayfile.cli.exit_codes import Outcome
from dayfile.model.account import AccountSid
from dayfile.model.damage import damaged_file
from dayfile.model.day import Day
from dayfile.model.resource import MESSAGES
from dayfile.service import Service
from dayfile.settings import Settings
from tests.support.state import a_sid

pytestmark = pytest.mark.usefixtures("made")

ACME = AccountSid(a_sid("AC", "acme"))
KEY = f"sealed/type=Messages/day=2026-10-01/account={ACME}/revision-1-0.json.gz"


def test_a_check_says_what_it_has_not_read(run: Any) -> None:
    """An operator who takes it for more than it is keeps no backup of what it has not read."""
    done = run("check")
    assert (done.exit_code, "All is well" in done.stdout) == (0, True)
    assert "check --deep" in done.stderr
    assert "kept for restoring older backups" in run("check", "--deep").stderr


def test_damage_that_is_known_is_named_with_account_and_day(run: Any) -> None:
    """For people, and member by member for scripts; with an exit code that wakes somebody."""
    found = damaged_file(KEY, ACME, MESSAGES, Day.parse("2026-10-01"), reason="it is another one")
    with Service.open(Settings.read(_env_file=None)) as service, service.database.transaction() as tx:
        tx.damages.record(found, now=service.clock.now())
    done = run("check", "--json")
    assert done.exit_code == Outcome.FAILED
    [finding] = json.loads(done.stdout)
    assert (finding["subject"], finding["account_sid"]) == (KEY, ACME)
    assert (finding["resource_type"], finding["day"]) == ("Messages", "2026-10-01")
    assert f"dayfile damage accept {KEY}" in finding["detail"]
    shown = run("check")
    assert KEY in shown.stdout
    assert "it is another one" in " ".join(shown.stdout.split())
