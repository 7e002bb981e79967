from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dayfile.cli.controls import plain_lines
from dayfile.cli.exit_codes import Outcome
from dayfile.cli.operator import operator_here
from dayfile.demo.expectation import Expectation
from dayfile.demo.traffic import Traffic
from dayfile.model.account import AccountSid
from dayfile.model.credential import Actor
from dayfile.model.day import Day, DayRange
from dayfile.model.resource import CALLS
from dayfile.store.database import Database
from tests.support.clock import NOON

pytestmark = pytest.mark.usefixtures("made")

DAYS = DayRange(first=Day.parse("2026-10-01"), last=Day.parse("2026-10-03"))


def calls(account: AccountSid) -> tuple[bytes, Expectation]:
    """Lines of made-up calls of three days, and what must be exported of them."""
    expectation = Expectation()
    lines = b""
    for version in Traffic(seed="calls", accounts=[account], days=DAYS, records=100).on_time():
        if version.resource_type is CALLS:
            lines += version.sent + b"\n"
            expectation.add(version)
    return lines, expectation


def test_accounts_are_created_listed_and_rotated(run: Any) -> None:
    """Scripts build on these names; they do not change."""
    made = json.loads(run("accounts", "create", "--name", "Größe", "--json").stdout)
    assert set(made) >= {"account_sid", "auth_token", "friendly_name"}
    child = json.loads(run("accounts", "create", "--parent", made["account_sid"], "--json").stdout)
    listed = {account["account_sid"]: account for account in json.loads(run("accounts", "list", "--json").stdout)}
    assert listed[child["account_sid"]]["parent_account_sid"] == made["account_sid"]
    assert "auth_token" not in listed[made["account_sid"]]
    rotated = json.loads(run("accounts", "rotate", made["account_sid"], "--json").stdout)
    assert rotated["auth_token"] != made["auth_token"]


def test_an_account_that_is_not_there_is_not_found(run: Any) -> None:
    """Its own exit code."""
    assert run("accounts", "rotate", "AC" + "0" * 32).exit_code == Outcome.NOT_FOUND


def test_a_webhook_secret_is_shown_and_rotated(run: Any) -> None:
    """Its owner verifies with it; after a rotation the one before is still good for a day, so both are shown."""
    account = json.loads(run("accounts", "create", "--json").stdout)["account_sid"]
    (first,) = json.loads(run("accounts", "webhook-secret", account, "--json").stdout)["webhook_secrets"]
    assert first.startswith("whsec_")
    rotated = json.loads(run("accounts", "webhook-secret", account, "--rotate", "--json").stdout)["webhook_secrets"]
    assert rotated[1:] == [first]
    assert rotated[0] != first
    assert json.loads(run("accounts", "webhook-secret", account, "--json").stdout)["webhook_secrets"] == rotated
    assert rotated[0] in run("accounts", "webhook-secret", account).stdout
    assert run("accounts", "webhook-secret", "AC" + "0" * 32).exit_code == Outcome.NOT_FOUND


def test_keys_are_created_listed_and_revoked(run: Any) -> None:
    """A key that was revoked stays on the list: it is evidence of who could do what."""
    made = json.loads(run("keys", "create", "--operator", "--scope", "intake", "--scope", "accounts", "--json").stdout)
    assert (made["scopes"], made["account_sid"]) == (["accounts", "intake"], None)
    assert set(made) >= {"sid", "secret"}
    for _ in range(2):
        assert run("keys", "revoke", made["sid"], "--yes").exit_code == Outcome.DONE
    told = json.loads(run("audit", "list", "--subject", made["sid"], "--json").stdout)
    assert [line["action"] for line in told] == ["key.revoked", "key.created"]
    upper = "SK" + made["sid"][2:].upper()
    assert run("keys", "revoke", upper, "--yes").stderr == f"Revoked {made['sid']}.\n"
    assert run("audit", "list", "--subject", upper, "--json").stdout == json.dumps(told, indent=2) + "\n"
    assert run("keys", "revoke", "SK" + "0" * 32).exit_code == Outcome.NOT_FOUND
    assert json.loads(run("keys", "list", "--json").stdout)[0]["date_revoked"]
    assert "revoked" in run("keys", "list").stdout


def test_lines_that_are_not_accepted_can_be_seen_tried_again_and_dropped(run: Any) -> None:
    """The way from a refused line to one that is in the export, or is known to be none."""
    done = run("intake", "Messages", "-", "--json", text='{"sid": 1}\n{}\n')
    assert done.exit_code == Outcome.FAILED
    assert json.loads(done.stdout)[0]["rejected"] == 2
    first, second = json.loads(run("rejections", "list", "--json").stdout)
    assert (first["source"], first["line"], first["field"]) == ("standard input", 1, "sid")
    assert '{"sid": 1}' in run("rejections", "show", str(first["number"])).stdout
    assert run("rejections", "retry", "--all").exit_code == Outcome.FAILED
    assert run("rejections", "drop", str(first["number"])).stdout == "1 rejection dropped.\n"
    assert run("rejections", "drop", str(first["number"])).exit_code == Outcome.NOT_FOUND
    assert [found["number"] for found in json.loads(run("rejections", "list", "--json").stdout)] == [second["number"]]


def test_a_file_whose_name_is_no_text_is_taken_in(run: Any, tmp_path: Path) -> None:
    """A name is bytes to the system; what is kept of it with a refused line must be text, and is shown as text."""
    name = tmp_path / "calls\udce9\x9b.json"
    name.write_bytes(b"{}\n")
    done = run("intake", "Messages", str(name))
    assert (done.exit_code, "1 line not accepted" in done.stderr) == (Outcome.FAILED, True)
    assert r"calls\udce9\x9b.json" in done.stdout
    assert r"calls\udce9\x9b.json:1" in run("rejections", "list").stdout
    assert plain_lines(done.output) == done.output


def test_a_new_instance_is_well_and_has_nothing_to_seal(run: Any) -> None:
    """An operator runs `check` before anything else."""
    assert run("check", "--deep", "--json").stdout == "[]\n"
    assert "All is well" in run("check").stdout
    assert json.loads(run("seal", "--json").stdout) == []


def test_seal_seals_what_waits_for_days_that_are_over(run: Any) -> None:
    """Without the grace time, and without a server: what was late is in the next export."""
    account = AccountSid(json.loads(run("accounts", "create", "--json").stdout)["account_sid"])
    lines, expectation = calls(account)
    assert run("intake", "Calls", "-", text=lines).exit_code == Outcome.DONE
    assert json.loads(run("seal", "Messages", "--json").stdout) == []
    first = json.loads(run("seal", "Calls", str(DAYS.first), "--json").stdout)
    rest = json.loads(run("seal", "--json").stdout)
    assert [day["day"] for day in [*first, *rest]] == [str(DAYS.first), str(DAYS.last)]
    assert sum(day["lines"] for day in [*first, *rest]) == expectation.versions
    assert "Nothing waits" in run("seal").stderr


def test_a_broken_file_is_found_by_a_deep_check(run: Any, data_folder: Path) -> None:
    """A disk that lies is found before a customer finds it; exit code 1 wakes somebody."""
    account = AccountSid(json.loads(run("accounts", "create", "--json").stdout)["account_sid"])
    run("intake", "Calls", "-", text=calls(account)[0])
    run("seal")
    victim = next((data_folder / "objects" / "sealed").rglob("pack-????-" + "?" * 16))
    content = bytearray(victim.read_bytes())
    content[-9] ^= 1
    victim.chmod(0o600)
    victim.write_bytes(content)
    assert run("check").exit_code == Outcome.DONE
    found = run("check", "--deep", "--json")
    assert found.exit_code == Outcome.FAILED
    assert [f"account={account}" in finding["subject"] for finding in json.loads(found.stdout)] == [True]


def test_behind_sudo_it_is_who_called_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run as the service's user, as which nobody logs in: its name alone would say nothing."""
    monkeypatch.setenv("SUDO_USER", "alice")
    for user in (0, 998):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        assert operator_here() == Actor(name="operator/alice")


def test_the_audit_log_tells_who_did_what(run: Any) -> None:
    """Evidence is of use when it can be read: by a person, by a script, for one account, page by page."""
    account = json.loads(run("accounts", "create", "--json").stdout)["account_sid"]
    key = json.loads(run("keys", "create", "--operator", "--json").stdout)["sid"]
    run("accounts", "rotate", account)
    listed = json.loads(run("audit", "list", "--json").stdout)
    operator = operator_here().name
    assert operator.removeprefix("operator/")
    assert json.loads(run("audit", "list", "--actor", "operator", "--json").stdout) == listed
    assert [(line["actor"], line["action"], line["subject"]) for line in listed] == [
        (operator, "account.rotated", account),
        (operator, "key.created", key),
        (operator, "account.created", account),
    ]
    assert {line["address"] for line in listed} == {None}
    assert len(json.loads(run("audit", "list", "--subject", account, "--json").stdout)) == 2
    assert json.loads(run("audit", "list", "--actor", account, "--json").stdout) == []
    first = run("audit", "list", "--limit", "1")
    assert "account.rotated" in first.stdout
    rest = run("audit", "list", "--before", first.stderr.split()[-1])
    assert [word for word in rest.stdout.split() if "." in word] == ["key.created", "account.created"]
    assert "Nothing" in run("audit", "list", "--before", "0").stderr


def test_the_audit_log_tells_where_it_was_done_from(run: Any, data_folder: Path) -> None:
    """A stolen key shows by the address that it was used from."""
    run("accounts", "create")
    actor = Actor(name="SK" + "0" * 32, address="2001:db8::9")
    address = f"sqlite:///{data_folder / 'dayfile.sqlite'}"
    with closing(Database.connect(address)) as database, database.transaction() as tx:
        tx.audit.add(actor=actor, action="key.revoked", subject=actor.name, now=NOON)
    assert json.loads(run("audit", "list", "--json").stdout)[0]["address"] == "2001:db8::9"
    header, *lines = run("audit", "list").stdout.splitlines()
    assert [line.split()[header.split().index("FROM") + 1] for line in lines] == ["2001:db8::9", "-"]


def test_rejections_are_listed_and_dropped_some_at_a_time(run: Any) -> None:
    """There may be millions: a table has the first hundred and says how to go on, JSON is written as it is read."""
    run("intake", "Messages", "-", text="{}\n" * 1_105)
    listed = run("rejections", "list")
    rows = listed.stdout.splitlines()[1:]
    assert len(rows) == 100
    last = rows[-1].split()[0]
    assert f"--after {last}" in listed.stderr
    following = run("rejections", "list", "--after", last, "--limit", "5").stdout.splitlines()[1:]
    assert [int(row.split()[0]) for row in following] == [int(last) + number for number in range(1, 6)]
    found = json.loads(run("rejections", "list", "--json").stdout)
    assert [one["line"] for one in found] == list(range(1, 1_106))
    assert json.loads(run("rejections", "list", "--json", "--limit", "2").stdout) == found[:2]
    assert json.loads(run("rejections", "list", "--json", "--after", str(found[-2]["number"])).stdout) == found[-1:]
    assert run("rejections", "retry", "--all").stdout == "0 lines accepted, 1,105 still rejected.\n"
    assert run("rejections", "drop", "--all", "--yes").stdout == "1,105 rejections dropped.\n"
    assert run("rejections", "list", "--json").stdout == "[]\n"
    assert run("rejections", "retry", "--all").exit_code == Outcome.DONE


def test_rejections_are_grouped_and_dropped_by_what_they_have_in_common(run: Any, tmp_path: Path) -> None:
    """A hundred thousand of one mistake are one line to look at, and one command to be rid of."""
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text('{"sid": 1}\n{"sid": 2}\n')
    run("intake", "Calls", str(wrong), "-", text="bad\n" * 3)
    run("intake", "Messages", "-", text="bad\n")
    found = json.loads(run("rejections", "groups", "--json").stdout)
    assert [(one["count"], one["resource_type"], one["field"], one["source"]) for one in found] == [
        (3, "Calls", None, "standard input"),
        (2, "Calls", "sid", str(wrong)),
        (1, "Messages", None, "standard input"),
    ]
    assert found[1]["reason"] == "must be CA followed by 32 lower-case hexadecimal digits"
    by_source = json.loads(run("rejections", "groups", "--by", "source", "--type", "Calls", "--json").stdout)
    assert [(one["count"], one["reason"]) for one in by_source] == [(3, None), (2, None)]
    header, first, *_ = run("rejections", "groups", "--by", "reason").stdout.splitlines()
    assert (header.split()[0], first.split()[:2]) == ("COUNT", ["3", "Calls"])
    assert "--limit 10" in run("rejections", "groups", "--limit", "1").stderr
    listed = json.loads(run("rejections", "list", "--reason", found[1]["reason"], "--json").stdout)
    assert [one["number"] for one in listed] == [1, 2]
    assert run("rejections", "list", "--receipt", "RC" + "0" * 32, "--json").stdout == "[]\n"
    tried = run("rejections", "retry", "--source", str(wrong))
    assert (tried.stdout, tried.exit_code) == ("0 lines accepted, 2 still rejected.\n", Outcome.FAILED)
    assert run("rejections", "drop", "--type", "Calls").exit_code == Outcome.USAGE
    assert run("rejections", "drop", "--type", "Calls", "--reason", "sid:", "--yes").stdout == "2 rejections dropped.\n"
    assert run("rejections", "drop", "--type", "Calls", "--yes").stdout == "3 rejections dropped.\n"
    assert [one["resource_type"] for one in json.loads(run("rejections", "list", "--json").stdout)] == ["Messages"]


@pytest.mark.parametrize(
    "words",
    [
        ("--type", "Calls", "--all"),
        ("1", "--reason", "x"),
        ("--receipt", "RC1"),
        ("--source", "x", "--receipt", "RC" * 17),
    ],
)
def test_what_is_dropped_is_said_in_one_way(run: Any, words: tuple[str, ...]) -> None:
    """Two that contradict one another would drop what nobody meant."""
    for command in ("drop", "retry"):
        assert run("rejections", command, *words).exit_code == Outcome.USAGE


def test_the_audit_log_tells_of_rejections_and_is_asked_by_time(run: Any) -> None:
    """Lines of a customer that are gone were dropped by somebody, at some time."""
    run("intake", "Messages", "-", text="bad\n" * 3)
    first = json.loads(run("rejections", "list", "--json").stdout)[0]["number"]
    run("rejections", "retry", str(first))
    run("rejections", "drop", str(first))
    run("rejections", "drop", "--all", "--yes")
    told = json.loads(run("audit", "list", "--json").stdout)
    assert [(line["action"], line["subject"]) for line in told] == [
        ("rejections.dropped", f"rejections/{first + 1}..{first + 2}, 2 of them"),
        ("rejections.dropped", f"rejections/{first}"),
        ("rejections.retried", f"rejections/{first}"),
    ]
    assert json.loads(run("audit", "list", "--since", "yesterday", "--json").stdout) == told
    assert json.loads(run("audit", "list", "--until", "yesterday", "--json").stdout) == []
    assert json.loads(run("audit", "list", "--since", "2999-01-01T00:00+01:00", "--json").stdout) == []
    assert run("audit", "list", "--since", "soon").exit_code == Outcome.USAGE
