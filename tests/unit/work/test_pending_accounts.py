"""Lines that came before their account: taken in when it is there, whatever died in between, and never in the way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dayfile.intake.retry import Retried
from dayfile.model.account import AccountSid
from dayfile.model.resource import MESSAGES
from dayfile.store.database import Database
from dayfile.work import pending_accounts
from tests.support.records import Sent
from tests.support.state import a_sid, an_account
from tests.support.world import World

DAY = "2026-11-01"
LATER = AccountSid(a_sid("AC", "later"))


def _message(name: str, account: str = LATER, *, body: str = "hello") -> Sent:
    return Sent(account=account, name=name, created=f"{DAY}T10:00:00Z", updated=f"{DAY}T10:00:00Z", body=body)


def _waiting(database: Database) -> list[AccountSid]:
    with database.snapshot() as tx:
        return tx.rejections.awaited(after=None, limit=1000)


def test_lines_are_taken_in_though_the_process_died_just_after_the_account_was_made(tmp_path: Path) -> None:
    """Nothing is noted for anybody: what is in the database is enough."""
    world = World(tmp_path)
    assert world.accept([_message("a"), _message("b")]).rejected == 2
    world.work()
    assert _waiting(world.database) == [LATER]
    an_account(world.database, "later")  # committed, and then the process is gone
    world = world.restarted()
    world.work()
    world.seal(DAY)
    assert [record["sid"] for record in world.records(LATER, DAY)] == sorted(_message(name).sid for name in "ab")
    assert _waiting(world.database) == []
    assert world.findings() == []
    world.close()


def test_a_line_that_is_wrong_otherwise_is_not_tried_for_ever(tmp_path: Path) -> None:
    """It stays, with what is wrong with it now, for a person to look at."""
    world = World(tmp_path)
    world.accept([_message("a")])
    with world.database.transaction() as tx:
        (kept,) = tx.rejections.listed(limit=10)
        tx.rejections.drop([kept.id])
        broken = replace(kept.refusal, line=b"nonsense")  # as if the rules had become stricter since
        tx.rejections.add(MESSAGES, "a file", [broken], now=world.clock.now())
    an_account(world.database, "later")
    world.work()
    with world.database.snapshot() as tx:
        (left,) = tx.rejections.listed(limit=10)
    assert (left.refusal.account, left.refusal.line) == (None, b"nonsense")
    assert "JSON" in left.refusal.reason
    world.close()


def test_accounts_that_never_come_do_not_hide_one_that_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step looks at some of them, and the next one goes on from there."""
    monkeypatch.setattr(pending_accounts, "ACCOUNTS_A_ROUND", 3)
    world = World(tmp_path)
    sids = sorted(AccountSid(a_sid("AC", f"account {n}")) for n in range(20))
    world.accept([_message(f"{n} {sid}", sid) for sid in sids for n in range(2)])
    assert _waiting(world.database) == sids
    last = next(n for n in range(20) if a_sid("AC", f"account {n}") == sids[-1])
    an_account(world.database, f"account {last}")
    for _ in range(20):  # more than it takes to look at all of them
        world.worker.days_tick()
    assert _waiting(world.database) == sids[:-1]
    world.close()


def test_an_account_whose_lines_cannot_be_tried_keeps_no_other_waiting(tmp_path: Path) -> None:
    """The first one that failed was tried again in every round, and those after it never."""
    world = World(tmp_path)
    names = sorted(["one", "two"], key=lambda name: a_sid("AC", name))
    first, second = (AccountSid(a_sid("AC", name)) for name in names)
    world.accept([_message("a", first), _message("b", second)])
    for name in names:
        an_account(world.database, name)

    def retry(account: AccountSid) -> Retried:
        if account == first:
            raise ValueError("a bug")
        return world.intake.retry_of_account(account)

    with pytest.raises(ValueError, match="a bug"):
        pending_accounts.PendingAccounts(world.database, retry=retry).step()
    assert _waiting(world.database) == [first]
    world.close()
