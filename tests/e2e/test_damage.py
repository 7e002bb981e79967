"""Damage as an operator meets it: named by commands, repaired from a backup, or done without."""

from __future__ import annotations

import gzip
import os
import pty
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from dayfile.cli.exit_codes import Outcome
from dayfile.clock import SystemClock
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from tests.e2e.cli_instance import PATIENCE_SECONDS, Instance, serving
from tests.support.damage import cut, flip
from tests.support.records import Sent, body_of
from tests.support.state import a_sid

DAY = Day.of(SystemClock().now()) - 2


@dataclass(frozen=True)
class Damaged:
    """An instance with a damaged file, and late records that wait for it."""

    instance: Instance
    accounts: list[dict[str, str]]
    key: str
    path: Path
    was: bytes


APART = {"DAYFILE_PACK_BELOW_BYTES": "0"}
"""Each file has an object of its own; `tests/fault/test_packs.py` damages packs."""


def _message(account: str, name: str, *, second: int = 1) -> Sent:
    return Sent(account=account, name=name, created=f"{DAY}T10:00:00Z", updated=f"{DAY}T10:00:{second:02}Z", body=name)


def _take_in(instance: Instance, messages: list[Sent]) -> list[Any]:
    (instance.folder / "messages").write_bytes(body_of(messages))
    instance.run("intake", "Messages", "messages")
    sealed: list[Any] = instance.json("seal", "Messages", str(DAY))
    return sealed


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Damaged:
    """One byte of the first account's file has changed, and late records came for both."""
    folder = tmp_path_factory.mktemp("made")
    instance = Instance(folder, APART)
    instance.run("init")
    accounts = [instance.json("accounts", "create") for _ in range(2)]
    sids = [account["account_sid"] for account in accounts]
    _take_in(instance, [_message(sid, f"{sid} {name}") for sid in sids for name in "ab"])
    [path] = (folder / "data").rglob(f"account={sids[0]}/revision-1-*.json.gz")
    was = flip(path)
    key = str(path)[str(path).index("sealed/") :]
    [sealed] = _take_in(instance, [_message(sid, f"{sid} late") for sid in sids])
    assert (sealed["files"], sealed["damaged"]) == (1, [key])
    return Damaged(instance, accounts, key, path, was)


@pytest.fixture
def damaged(made: Damaged, tmp_path: Path) -> Damaged:
    """A copy of that instance, with which a test may do anything."""
    shutil.copytree(made.instance.folder, tmp_path, dirs_exist_ok=True)
    path = tmp_path / made.path.relative_to(made.instance.folder)
    return Damaged(Instance(tmp_path, APART), made.accounts, made.key, path, made.was)


def _exported(damaged: Damaged, number: int) -> tuple[list[bytes], dict[str, Any]]:
    """The lines of the account's file and its manifest, as the customer gets them."""
    account = damaged.accounts[number]
    with serving(damaged.instance) as server:
        customer = Instance(
            damaged.instance.folder,
            {
                "DAYFILE_URL": server.url,
                "DAYFILE_ACCOUNT_SID": account["account_sid"],
                "DAYFILE_AUTH_TOKEN": account["auth_token"],
            },
        )
        customer.run("jobs", "create", "Messages", str(DAY), "--watch")
        [file] = customer.json("days", "download", "Messages", str(DAY), "-o", f"files-{number}")
        login = account["account_sid"], account["auth_token"]
        manifest = httpx2.get(f"{server.url}/v1/Exports/Messages/Days/{DAY}/Manifest", auth=login).json()
    assert file["incomplete"] == manifest["incomplete"]
    return gzip.decompress(Path(damaged.instance.folder / file["path"]).read_bytes()).splitlines(), manifest


def test_a_damage_is_named_with_its_object_its_account_and_its_day(damaged: Damaged) -> None:
    """In the list, in JSON and in a check; with what to do."""
    [one] = damaged.instance.json("damage", "list")
    assert (one["object"], one["account_sid"], one["day"]) == (
        damaged.key,
        damaged.accounts[0]["account_sid"],
        str(DAY),
    )
    assert (one["kind"], one["state"], one["resource_type"]) == ("file", "open", "Messages")
    assert f"dayfile damage accept {damaged.key}" in one["what_to_do"]
    shown = damaged.instance.run("damage", "list").stdout
    assert damaged.key in shown
    checked = damaged.instance.run("check", expect=Outcome.FAILED).stdout
    assert damaged.key in checked.replace("\n", "")
    assert damaged.accounts[0]["account_sid"] in checked
    lines, manifest = _exported(damaged, 1)
    assert (len(lines), manifest["incomplete"]) == (3, False)


def test_a_file_that_is_restored_gets_what_was_held(damaged: Damaged) -> None:
    """`damage retry` says whether it is whole again, and seals at once."""
    still = damaged.instance.run("damage", "retry", expect=Outcome.FAILED)
    assert "1 of 1 object still damaged" in still.stderr
    damaged.path.write_bytes(damaged.was)
    [one] = damaged.instance.json("damage", "retry", damaged.key)
    assert (one["state"], one["date_settled"] is None) == ("repaired", False)
    assert damaged.instance.json("damage", "list") == []
    assert [one["state"] for one in damaged.instance.json("damage", "list", "--all")] == ["repaired"]
    lines, manifest = _exported(damaged, 0)
    assert (len(lines), manifest["incomplete"], manifest["revision"]) == (3, False, 2)
    assert "All is well" in damaged.instance.run("check", "--deep").stdout
    assert any(line["action"] == "damage.repaired" for line in damaged.instance.json("audit", "list"))


def test_a_file_that_is_done_without_says_so_for_good(damaged: Damaged) -> None:
    """A script must say that it means it; what came late is there, and the manifest is incomplete."""
    refused = damaged.instance.run("damage", "accept", damaged.key, expect=Outcome.USAGE)
    assert "--yes" in refused.stderr
    accepted = damaged.instance.json("damage", "accept", damaged.key, "--yes")
    assert (accepted["state"], accepted["date_settled"] is None) == ("accepted", False)
    lines, manifest = _exported(damaged, 0)
    assert (len(lines), manifest["incomplete"], manifest["revision"]) == (1, True, 2)
    assert any(line["action"] == "damage.accepted" for line in damaged.instance.json("audit", "list"))
    again = damaged.instance.json("damage", "accept", damaged.key, "--yes")
    assert again == accepted


def test_a_terminal_is_asked(damaged: Damaged) -> None:
    """Nothing is lost by a slip of the hand."""
    answers = {"n\n": Outcome.FAILED, "y\n": Outcome.DONE}
    for answer, expected in answers.items():
        theirs, ours = pty.openpty()
        command = [sys.executable, "-m", "dayfile", "damage", "accept", damaged.key]
        with subprocess.Popen(
            command,
            cwd=damaged.instance.folder,
            env=damaged.instance.environment,
            stdin=ours,
            stdout=subprocess.PIPE,
            stderr=ours,
        ) as process:
            os.write(theirs, answer.encode())
            process.communicate(timeout=PATIENCE_SECONDS)
        told = os.read(theirs, 65_536).decode()
        os.close(theirs)
        os.close(ours)
        assert process.returncode == expected, told
        assert "This cannot be undone" in told
    assert damaged.instance.json("damage", "list") == []


def test_a_file_that_is_whole_again_is_not_lost_by_accepting(damaged: Damaged) -> None:
    """The operator restored it and then followed the advice of an hour ago."""
    damaged.path.write_bytes(damaged.was)
    assert damaged.instance.json("damage", "accept", damaged.key, "--yes")["state"] == "repaired"
    lines, manifest = _exported(damaged, 0)
    assert (len(lines), manifest["incomplete"]) == (3, False)


def test_an_object_of_which_no_damage_is_known_is_not_found(damaged: Damaged) -> None:
    """A slip in a key loses nothing."""
    for command in (["retry", "sealed/none"], ["accept", "sealed/none", "--yes"]):
        refused = damaged.instance.run("damage", *command, expect=Outcome.NOT_FOUND)
        assert "dayfile damage list" in refused.stderr


def test_a_damaged_segment_is_accepted_in_one_go(tmp_path: Path) -> None:
    """Its sound part is sealed first, though its day was not due yet."""
    instance = Instance(tmp_path)
    instance.run("init")
    account = AccountSid(instance.json("accounts", "create")["account_sid"])
    sent = [
        Sent(
            account=account,
            name=f"{number}",
            created=f"{DAY}T10:00:00Z",
            updated=f"{DAY}T10:00:00Z",
            body="".join(a_sid("", f"{number} {part}") for part in range(60)),
        )
        for number in range(300)
    ]
    (tmp_path / "messages").write_bytes(body_of(sent))
    instance.run("intake", "Messages", "messages")
    [path] = (tmp_path / "data").rglob("segments/**/*.parquet")
    cut(path)
    assert instance.run("damage", "list").stderr.strip() == "No damaged object is known."
    instance.run("seal")
    [one] = instance.json("damage", "list")
    assert (one["kind"], one["account_sid"]) == ("segment", None)
    assert instance.json("damage", "accept", one["object"], "--yes")["state"] == "accepted"
    assert instance.json("damage", "list") == []
    assert "All is well" in instance.run("check", "--deep").stdout
