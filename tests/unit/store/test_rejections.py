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


def test_what_is_dropped_in_one_transaction_is_bounded(database: Database) -> None:
    """In lines and in their bytes: whoever writes meanwhile waits for all of it."""
    small = [_refusal(None)] * 1_500
    large = [Refusal(line_number=1, field=None, reason="why", line=b"x" * 400_000, account=None)] * 5
    with database.transaction() as tx:
        tx.rejections.add(MESSAGES, "a file", [*small, *large], now=NOON)
    sizes, after = [], 0
    while True:
        with database.transaction() as tx:
            some = tx.rejections.next_ids(after=after, up_to=tx.rejections.newest())
            assert tx.rejections.drop(some) == len(some)
        if not some:
            break
        sizes.append(len(some))
        after = some[-1]
    assert sizes == [1_000, 503, 2]


def test_a_list_leaves_long_lines_where_they_are(database: Database) -> None:
    """They may have a mebibyte each, and nobody looks at them there."""
    line = b"x" * 1000
    refusal = Refusal(line_number=1, field="sid", reason="why", line=line, account=None)
    with database.transaction() as tx:
        tx.rejections.add(MESSAGES, "a file", [refusal], now=NOON)
    with database.snapshot() as tx:
        (full,) = tx.rejections.listed(limit=10)
        (outline,) = tx.rejections.listed(limit=10, with_lines=False)
    assert (full.refusal.line, outline.refusal.line) == (line, b"")
    assert (outline.id, outline.source, outline.refusal.field) == (full.id, "a file", "sid")
