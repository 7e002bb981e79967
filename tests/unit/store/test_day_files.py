"""Rows of day files: the files of a range of days, as a calendar shows them."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

from dayfile.model.day import Day, DayRange
from dayfile.model.export import FileDetails
from dayfile.model.resource import CALLS, MESSAGES
from dayfile.store.database import Database
from tests.support.clock import NOON
from tests.support.day_file import a_day_file
from tests.support.state import a_job, a_job_request, a_segment, an_account

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
        details = tx.day_files.details(acme, MESSAGES, DAYS, now=NOON)
        expires_at = NOON + timedelta(days=7)
        assert sorted(details) == [DAYS.first, DAYS.last]
        assert details[DAYS.first] == FileDetails(day=DAYS.first, sealed_at=None, sha256=None, expires_at=expires_at)
        assert tx.day_files.details(acme, MESSAGES, DAYS, now=expires_at) == {}


def test_a_page_begins_and_ends_at_any_place_of_the_list(database: Database) -> None:
    """A generation may have several days, and a place may be that of a day that is published anew meanwhile."""
    acme = an_account(database).sid
    files = [replace(a_day_file(acme, DAYS.first + n), generation=1 + (5 - n) // 2) for n in range(6)]
    with database.transaction() as tx:
        tx.day_files.publish(files, now=NOON)
    listed = sorted((file.generation, file.day) for file in files)
    with database.snapshot() as tx:

        def page(**asked: Any) -> list[tuple[int, Day]]:
            found = tx.day_files.page(acme, MESSAGES, limit=2, now=NOON, **asked)
            return [(one.generation, one.day) for one in found]

        for remembering in (False, True, True):
            assert [page(offset=n, remembering=remembering) for n in range(7)] == [listed[n : n + 2] for n in range(7)]
        for generation, day in itertools.product(range(5), [DAYS.first + n for n in range(-1, 7)]):
            place = generation, day
            assert page(after=place) == [one for one in listed if one > place][:2]
            assert page(before=place) == [one for one in listed if one < place][-2:]


def test_all_types_of_an_account_are_read_at_once(database: Database) -> None:
    """The overview takes as many queries for four types as for one: files, jobs, and records that wait."""
    acme, other = an_account(database), an_account(database, "other")
    files = [a_day_file(acme.sid, DAYS.first), a_day_file(acme.sid, DAYS.last), a_day_file(other.sid, DAYS.first)]
    files += [a_day_file(acme.sid, DAYS.first, resource_type=CALLS), a_day_file(acme.sid, DAYS.last + 1)]
    a_job(database, a_job_request(acme), "one")
    a_job(database, a_job_request(acme, resource_type=CALLS), "two")
    a_job(database, a_job_request(other), "three")
    with database.transaction() as tx:
        tx.day_files.publish(files, now=NOON)
        tx.segments.add([a_segment(acme.sid), a_segment(other.sid, resource_type=CALLS)], now=NOON)
    with database.snapshot() as tx:
        assert tx.day_files.count_by_type(acme.sid, DAYS, now=NOON) == {"Messages": 2, "Calls": 1}
        assert tx.day_files.count_by_type(acme.sid, DAYS, now=NOON + timedelta(days=7)) == {}
        assert tx.day_files.sealed_ids(acme.sid, MESSAGES, DAYS, now=NOON) == [(DAYS.first, None), (DAYS.last, None)]
        assert tx.jobs.unfinished_by_type(acme.sid) == {"Messages": 1, "Calls": 1}
        assert tx.jobs.published_days(acme.sid, MESSAGES, DAYS, over_since=NOON) == set()
        assert tx.segments.days_waiting_by_type(acme.sid, accepted_by=NOON) == {"Messages": {Day.parse("2026-11-01")}}
        assert tx.sealed_days.records_by_type(acme.sid, DAYS) == {}
        assert tx.configurations.of_account(acme.sid) == {}
