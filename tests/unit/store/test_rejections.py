"""Which accounts kept lines wait for: found account by account, however many lines each has."""

from __future__ import annotations

from dayfile.model.account import AccountSid
from dayfile.model.receipt import Refusal
from dayfile.model.resource import MESSAGES
from dayfile.store.database import Database
from tests.support.clock import NOON
from tests.support.state import a_sid


def _refusal(account: AccountSid | None) -> Refusal:
    return Refusal(line_number=1, field=None, reason="why", line=b"{}", account=account)


def test_awaited_accounts_are_found_each_once_and_in_order(database: Database) -> None:
    """On both databases alike; lines that wait for nobody are none of them."""
    sids = sorted(AccountSid(a_sid("AC", f"account {n}")) for n in range(7))
    with database.transaction() as tx:
        assert tx.rejections.awaited(after=None, limit=10) == []
        refusals = [_refusal(sid) for sid in (*sids, *reversed(sids))] + [_refusal(None)]
        tx.rejections.add(MESSAGES, "a file", refusals, now=NOON)
    with database.snapshot() as tx:
        assert tx.rejections.awaited(after=None, limit=10) == sids
        assert tx.rejections.awaited(after=None, limit=3) == sids[:3]
        assert tx.rejections.awaited(after=sids[2], limit=10) == sids[3:]
        assert tx.rejections.awaited(after=sids[-1], limit=10) == []
