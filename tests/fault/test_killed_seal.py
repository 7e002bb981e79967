"""SIGKILL of a real process while it seals a day: the next one seals it, whole, and nothing else changes."""

from __future__ import annotations

import itertools
import shutil
import signal
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dayfile.model.account import AccountSid
from tests.e2e.cli_instance import PATIENCE_SECONDS, Instance, serving
from tests.support.doomed import STEPS
from tests.support.records import Sent, newest
from tests.support.remains import DAY, remains_of
from tests.support.state import a_sid

ACCOUNTS = 20
"""More than are written one by one."""

LARGE = 4000
"""Records of the first account, whose file is written block by block; the others have a few."""

Sealed = dict[AccountSid, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def beginning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance with a day that is sealed, and with late records for it that change every file."""
    folder = tmp_path_factory.mktemp("beginning")
    with remains_of(folder / "data", after=timedelta(0)) as remains:
        accounts = [remains.new_account() for _ in range(ACCOUNTS)]
        remains.take_in(_first(accounts))
        assert len(remains.records()) == ACCOUNTS
        remains.take_in(_late(accounts))
    (folder / "accounts").write_text("\n".join(accounts))
    return folder


def _first(accounts: list[AccountSid]) -> list[Sent]:
    sizes = [LARGE, *[3] * (ACCOUNTS - 1)]
    return [
        _message(account, n, second=0, body="".join(a_sid("", f"{n} {part}") for part in range(8)))
        for account, size in zip(accounts, sizes, strict=True)
        for n in range(size)
    ]


def _late(accounts: list[AccountSid]) -> list[Sent]:
    return [_message(account, n, second=n, body=f"late {n}") for account in accounts for n in range(2, 5)]


def _message(account: AccountSid, number: int, *, second: int, body: str) -> Sent:
    at = f"{DAY}T10:00:{second:02}Z"
    return Sent(account=account, name=f"{account} {number}", created=f"{DAY}T10:00:00Z", updated=at, body=body)


def _check(folder: Path) -> None:
    accounts = [AccountSid(text) for text in (folder / "accounts").read_text().split()]
    expected: dict[str, dict[str, str]] = defaultdict(dict)
    for sent in newest([*_first(accounts), *_late(accounts)]).values():
        expected[sent.account][sent.sid] = sent.body
    with remains_of(folder / "data") as remains:
        assert remains.findings() == []
        found = remains.records()
        assert remains.findings() == []
    assert {account: {one["sid"]: one["body"] for one in records} for account, records in found.items()} == expected
    assert sum(map(len, found.values())) == sum(map(len, expected.values())), "a record is there twice"


def _die(instance: Instance, *words: str, at: str) -> bool:
    """Run a command that is to die at a step; whether it came there."""
    process = instance.start(*words, doomed_at=at)
    try:
        process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
    assert process.returncode in {0, -signal.SIGKILL}, instance.log()
    return process.returncode != 0


@pytest.mark.parametrize(
    ("words", "at"),
    [
        (("serve", "--port", "0"), "put:3"),
        (("seal", "Messages", DAY), "commit:9"),
        (("seal", "Messages", DAY), "commit:10"),
    ],
    ids=["between its files", "with all files there", "before its last commit"],
)
def test_a_seal_that_dies_loses_and_doubles_nothing(
    beginning: Path, tmp_path: Path, words: tuple[str, ...], at: str
) -> None:
    """Its files, if there are any, count for nothing; the next worker begins anew, with the same set of segments."""
    shutil.copytree(beginning, tmp_path, dirs_exist_ok=True)
    assert _die(Instance(tmp_path, {"DAYFILE_LATE_QUIET_MINUTES": "0"}), *words, at=at)
    _check(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_a_seal_may_die_at_any_step(beginning: Path, tmp_path: Path, step: str) -> None:
    """As above, at every point that there is."""
    for number in itertools.count(1):
        folder = tmp_path / str(number)
        shutil.copytree(beginning, folder)
        died = _die(Instance(folder), "seal", "Messages", DAY, at=f"{step}:{number}")
        _check(folder)
        if not died:
            assert number > 2
            return


@pytest.mark.slow
def test_a_server_that_comes_after_seals_what_the_dead_one_held(beginning: Path, tmp_path: Path) -> None:
    """By itself, when the lease has run out, and with the clock of the real world."""
    shutil.copytree(beginning, tmp_path, dirs_exist_ok=True)
    instance = Instance(tmp_path, {"DAYFILE_LEASE_SECONDS": "5"})
    assert _die(instance, "seal", "Messages", DAY, at="sync:2")
    with serving(instance):
        instance.run("seal", "Messages", DAY)  # waits until the server's worker has done it, or does it
    assert instance.json("seal", "Messages", DAY) == []
    _check(tmp_path)
