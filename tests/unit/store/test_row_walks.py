"""Walks over all rows, page by page: each page is read in the order of its key, and costs what a page has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.store.transaction import Transaction
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
    with database.looked_into() as connection:
        plan = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    database.close()
    assert not [step for step in plan if "TEMP B-TREE" in step], plan
