"""Figures of the operator's status: those that are dear are not looked up each time that the page looks again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from dayfile.console.status import FileCount
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from tests.support.clock import NOON
from tests.support.sealed import sealed_days
from tests.support.state import a_database, a_sid


def test_files_are_counted_once_a_minute(tmp_path: Path) -> None:
    """To count a million rows takes long, and every open page asks each three seconds."""
    database, files = a_database(tmp_path), FileCount()

    def count(after: timedelta) -> int:
        with database.snapshot() as tx:
            return files.read(tx, now=NOON + after)

    assert count(timedelta(0)) == 0
    sealed_days(database, AccountSid(a_sid("AC", "acme")), [Day.parse("2026-11-01")])
    assert count(timedelta(seconds=59)) == 0
    assert count(timedelta(seconds=60)) == 1
    assert count(timedelta(seconds=-1)) == 1, "a clock that was set back counts anew"
    database.close()
