"""Walks over many rows, page by page: each page is read in the order of its key, and costs what a page has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.resource import MESSAGES
from dayfile.store.database import Database
from dayfile.store.transaction import Transaction
from tests.support.record_lines import NOW
from tests.support.state import a_database, a_sid

PAGE = 100

WALKS: dict[str, Callable[[Transaction], object]] = {
    "sealed days": lambda tx: tx.sealed_days.after(1, limit=PAGE),
    "segments": lambda tx: tx.segments.after(1, limit=PAGE),
    "seals": lambda tx: tx.seals.kept(after=1, limit=PAGE),
    "packs": lambda tx: tx.packs.all(),
    "day files from the first": lambda tx: tx.day_files.walk(after=None, limit=PAGE),
    "day files": lambda tx: tx.day_files.walk(
        after=(AccountSid(a_sid("AC", "acme")), "Messages", Day.parse("2026-11-01")), limit=PAGE
    ),
}


PAGES: dict[str, dict[str, Any]] = {
    "first": {},
    "after a day": {"after": (3, Day.parse("2026-11-01"))},
    "before a day": {"before": (3, Day.parse("2026-11-01"))},
}


@pytest.mark.parametrize("walk", WALKS)
def test_a_page_is_found_by_its_key_and_not_sorted_out_of_all_rows(tmp_path: Path, walk: str) -> None:
    """With a million files, a worker that sorts all of them for each page would do nothing else."""
    database = a_database(tmp_path)
    asked: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        asked.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    with database.snapshot() as tx:
        WALKS[walk](tx)
    event.remove(database.engine, "before_cursor_execute", note)
    [(statement, parameters)] = asked
    assert sorting(database, statement, parameters) == []
    database.close()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_the_days_list_is_not_sorted_either(tmp_path: Path, page: str) -> None:
    """An account that published a year has 365 of them, and a client that polls asks for ten."""
    database = a_database(tmp_path)
    asked: list[str] = []
    with database.snapshot() as tx:
        driver: Any = tx._connection.connection.dbapi_connection
        driver.set_trace_callback(asked.append)  # statements that are prepared have no listeners
        tx.day_files.page(AccountSid(a_sid("AC", "acme")), MESSAGES, limit=11, now=NOW, **PAGES[page])
        driver.set_trace_callback(None)
    assert sorting(database, asked[-1]) == []
    database.close()


def sorting(database: Database, statement: str, parameters: Any = ()) -> list[str]:
    """The steps of a statement's plan that sort."""
    with database.looked_into() as connection:
        plan = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    return [step for step in plan if "TEMP B-TREE" in step]
