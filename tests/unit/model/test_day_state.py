"""States of a day: one answer to each combination of what is published, what is sealed, and what was exported."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.day_state import DayState, DayStates
from dayfile.model.export import ExportConfiguration, Revision
from dayfile.model.resource import MESSAGES
from tests.support.clock import NOON

ACCOUNT = AccountSid("AC" + "1" * 32)
TODAY = Day.of(NOON)
LAST_WEEK = TODAY - 7
WEEK = timedelta(days=7)
OFF = ExportConfiguration.initial(ACCOUNT, MESSAGES)
ON = replace(OFF, enabled_at=(TODAY - 60).start)


def a_revision(number: int | None) -> Revision | None:
    """A revision of the day; None for None."""
    return (
        None
        if number is None
        else Revision(id=7, seal_id=7, day=LAST_WEEK, number=number, records=number, size_bytes=1)
    )


@pytest.mark.parametrize(
    ("published", "newest", "state"),
    [
        (1, 1, DayState.FILE),
        (1, 2, DayState.NEWER),
        (2, None, DayState.FILE),
        (0, None, DayState.EMPTY),
        (0, 1, DayState.NEWER),
        (None, 1, DayState.MISSING),
        (None, None, DayState.MISSING),
    ],
)
def test_what_is_published_is_compared_with_what_is_sealed(
    published: int | None, newest: int | None, state: DayState
) -> None:
    """Records that come late make a published file old, one of a day without records, too."""
    states = DayStates(configuration=OFF, file_lifetime=WEEK, now=NOON)
    assert states.of(LAST_WEEK, a_revision(published), a_revision(newest), by_job=False) is state


@pytest.mark.parametrize(
    ("day", "by_job", "configuration", "state"),
    [
        (TODAY - 2, False, OFF, DayState.MISSING),
        (TODAY - 1, False, OFF, DayState.AHEAD),
        (TODAY + 400, False, ON, DayState.AHEAD),
        (TODAY - 3, True, OFF, DayState.EXPIRED),
        (TODAY - 8, False, ON, DayState.MISSING),
        (TODAY - 9, False, ON, DayState.EXPIRED),
        (TODAY - 61, False, ON, DayState.MISSING),
        (Day.parse("9999-12-31"), False, ON, DayState.AHEAD),
    ],
)
def test_a_day_without_a_file_was_never_exported_or_has_expired(
    day: Day, by_job: bool, configuration: ExportConfiguration, state: DayState
) -> None:
    """Customers ask first about the file that was there last week; the ends of the calendar are days, too."""
    states = DayStates(configuration=configuration, file_lifetime=WEEK, now=NOON)
    assert states.of(day, None, None, by_job=by_job) is state
