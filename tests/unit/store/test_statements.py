"""Statements for many rows: on PostgreSQL as many as for one, since each is a round trip to another machine.

On SQLite a statement costs little, and ids in order are given row by row.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import event

from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.job import JobSid
from dayfile.model.notice import EventSid
from dayfile.model.resource import MESSAGES
from dayfile.store.database import Database
from tests.support.clock import NOON
from tests.support.notices import a_notice
from tests.support.state import a_segment, a_sid, an_account

MANY = 20


@contextmanager
def _statements(database: Database) -> Iterator[list[str]]:
    """Collect the statements that the database is given meanwhile."""
    asked: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        asked.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield asked
    event.remove(database.engine, "before_cursor_execute", note)


def test_many_segments_take_as_many_statements_as_one_and_arrive_in_their_order(database: Database) -> None:
    """Ids say which of two equal versions was accepted later, and that one counts."""
    account = AccountSid(a_sid("AC", "acme"))
    new = [
        replace(
            a_segment(account, key=f"k{n}" if n % 3 == 0 else None),
            records=n + 1,
            inline=None if n % 3 == 0 else b"%d" % n,
        )
        for n in range(MANY)
    ]
    with _statements(database) as one, database.transaction() as tx:
        tx.segments.add(new[1:2], now=NOON)
    with _statements(database) as many, database.transaction() as tx:
        ids = tx.segments.add(new, now=NOON)
    assert database.file or len(many) == len(one)
    with database.snapshot() as tx:
        found = [segment for segment in tx.segments.of_day(MESSAGES, Day.parse("2026-11-01")) if segment.id in ids]
        data = tx.segments.inline(ids)
    assert ([one.id for one in found], [one.records for one in found]) == (sorted(ids), [n + 1 for n in range(MANY)])
    assert ids == sorted(ids)
    assert data == {one: b"%d" % n for n, one in enumerate(ids) if n % 3}


def test_many_notices_take_as_many_statements_as_one_and_stay_in_their_lanes(database: Database) -> None:
    """A commit of daily exports writes hundreds, for as many receivers."""
    accounts = [an_account(database, f"account {n}").sid for n in range(MANY // 2)]
    new = [
        replace(
            a_notice(accounts[n % len(accounts)]),
            sid=EventSid(a_sid("EV", str(n))),
            job_sid=JobSid(a_sid("JS", str(n))),
            receiver=f"https://h{n}.example.com/",
        )
        for n in range(MANY)
    ]
    new.append(replace(new[0], sid=EventSid(a_sid("EV", "same lane")), job_sid=JobSid(a_sid("JS", "other"))))
    with _statements(database) as one, database.transaction() as tx:
        tx.notices.add(new[:1], now=NOON)
    with _statements(database) as many, database.transaction() as tx:
        tx.notices.add(new, now=NOON)
        tx.notices.add(new, now=NOON)  # nothing is doubled
    assert len(many) - len(one) in {len(one) - 1, len(one)}  # PostgreSQL's limits are set once
    with database.snapshot() as tx:
        assert {notice.sid for notice in tx.notices.page(limit=100)} == {notice.sid for notice in new}


def test_many_uploads_are_announced_at_once(database: Database) -> None:
    """Ids come in the order in which they are asked for: each belongs to its key."""
    keys = [f"segments/{n}" for n in range(MANY)]
    with _statements(database) as one, database.transaction() as tx:
        tx.uploads.begin_each(["first"], now=NOON)
    with _statements(database) as many, database.transaction() as tx:
        ids = tx.uploads.begin_each(keys, now=NOON)
        assert [tx.uploads.find(key).id for key in keys] == ids  # type: ignore[union-attr]
    assert database.file or len(many) - MANY == len(one)
