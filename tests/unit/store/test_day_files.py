"""Rows of day files: the files of a range of days, as a calendar shows them."""

from __future__ import annotations

from datetime import timedelta

from dayfile.model.day import Day, DayRange
from dayfile.model.resource import CALLS, MESSAGES
from dayfile.store.database import Database
from tests.support.clock import NOON
from tests.support.day_file import a_day_file
from tests.support.state import an_account

DAYS = DayRange(first=Day.parse("2026-11-01"), last=Day.parse("2026-11-03"))


def test_a_range_has_the_files_of_its_days_and_no_others(database: Database) -> None:
    """Files of the account and the type, as long as they have not expired, in the order of the days."""
    acme, other = an_account(database).sid, an_account(database, "other").sid
    files = [a_day_file(acme, day) for day in (DAYS.last, DAYS.first, DAYS.first - 1, DAYS.last + 1)]
    files += [a_day_file(other, DAYS.first + 1), a_day_file(acme, DAYS.first + 1, resource_type=CALLS)]
    with database.transaction() as tx:
        tx.day_files.publish(files, now=NOON)
    with database.snapshot() as tx:
        found = tx.day_files.of_days(acme, MESSAGES, DAYS, now=NOON)
        assert list(found) == [DAYS.first, DAYS.last]
        assert found[DAYS.first] == a_day_file(acme, DAYS.first)
        assert tx.day_files.of_days(acme, MESSAGES, DAYS, now=NOON + timedelta(days=7)) == {}
