"""The accounts that kept lines wait for: found account by account, however many lines each has."""

from __future__ import annotations

from typing import Any

from dayfile.model.account import AccountSid
from dayfile.model.receipt import Refusal, RejectionFilter
from dayfile.model.resource import CALLS, MESSAGES
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


def _refused(field: str | None, reason: str, *, account: AccountSid | None = None) -> Refusal:
    return Refusal(line_number=1, field=field, reason=reason, line=b"{}", account=account)


def test_rejections_are_found_by_what_they_have_in_common(database: Database) -> None:
    """Of a hundred thousand, one looks for those of one mistake; an under_score is no wildcard."""
    waited_for = AccountSid(a_sid("AC", "later"))
    with database.transaction() as tx:
        tx.rejections.add(MESSAGES, "a", [_refused("sid", "must be 100%_good; got 'x'")] * 2, now=NOON)
        tx.rejections.add(CALLS, "b", [_refused(None, "must be JSON"), _refused("sid", "must be 100 good")], now=NOON)
        tx.rejections.add(CALLS, "b", [_refused("account_sid", "is not known", account=waited_for)], now=NOON)
    with database.snapshot() as tx:

        def numbers(**having: object) -> list[int]:
            matching = RejectionFilter(**having)  # type: ignore[arg-type]
            found = [one.id for one in tx.rejections.listed(limit=9, matching=matching)]
            assert tx.rejections.count(matching) == len(found)
            assert tx.rejections.next_ids(after=0, up_to=9, matching=matching) == found
            return found

        assert numbers() == [1, 2, 3, 4, 5]
        assert numbers(resource_type=CALLS) == [3, 4, 5]
        assert numbers(source="a") == [1, 2]
        assert numbers(account=waited_for) == [5]
        assert numbers(reason="SID: MUST") == [1, 2, 4]
        assert numbers(reason="100%_good") == [1, 2]
        assert numbers(reason="must be json", source="b") == [3]
        assert numbers(reason="must be json", source="a") == []


def test_rejections_are_counted_by_reason_and_source(database: Database) -> None:
    """The value that was given makes no other reason; the largest group comes first."""
    with database.transaction() as tx:
        tx.rejections.add(MESSAGES, "a", [_refused("price", f"must be a number; got '{n}'") for n in "xyz"], now=NOON)
        tx.rejections.add(MESSAGES, "b", [_refused("price", "must be a number; got '; got '")], now=NOON)
        tx.rejections.add(CALLS, "b", [_refused(None, "must be JSON")] * 2, now=NOON)
    with database.snapshot() as tx:

        def groups(**by: bool) -> list[tuple[object, ...]]:
            kinds: Any = {"by_reason": True, "by_source": True} | by
            found = tx.rejections.groups(**kinds, limit=9)
            return [(one.count, one.resource_type, one.reason, one.source, one.first_id, one.last_id) for one in found]

        number, json = "must be a number", "must be JSON"
        assert groups() == [
            (3, "Messages", number, "a", 1, 3),
            (2, "Calls", json, "b", 5, 6),
            (1, "Messages", number, "b", 4, 4),
        ]
        assert groups(by_source=False) == [(4, "Messages", number, None, 1, 4), (2, "Calls", json, None, 5, 6)]
        assert groups(by_reason=False) == [
            (3, "Messages", None, "a", 1, 3),
            (2, "Calls", None, "b", 5, 6),
            (1, "Messages", None, "b", 4, 4),
        ]
        only = tx.rejections.groups(by_reason=True, by_source=True, matching=RejectionFilter(source="b"), limit=1)
        assert [(one.count, one.field, one.last_rejected_at) for one in only] == [(2, None, NOON)]


def test_the_room_of_dropped_rejections_is_given_back(database: Database) -> None:
    """A mistake that took 100 MB of the disk must not keep it."""
    lines = [Refusal(line_number=1, field=None, reason="why", line=b"x" * 10_000, account=None)] * 3000
    with database.transaction() as tx:
        tx.rejections.add(MESSAGES, "a file", lines, now=NOON)
    database.give_back_space()
    before = database.file.stat().st_size if database.file else 0
    with database.transaction() as tx:
        assert tx.rejections.drop(range(1, 3001)) == 3000
    database.give_back_space()
    if database.file is not None:
        assert before > 30_000_000
        assert database.file.stat().st_size < 2_000_000
