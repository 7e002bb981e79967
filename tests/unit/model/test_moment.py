"""Moments, from the forms that records have to the one that exports have."""

from datetime import datetime, timedelta, timezone

import pytest

from dayfile.model.moment import canonical_moment, find_day, moment_text


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("2026-10-01T10:00:00Z", "2026-10-01T10:00:00Z"),
        ("2026-10-01t10:00:00z", "2026-10-01T10:00:00Z"),
        ("2026-10-01 10:00:00+00", "2026-10-01T10:00:00Z"),
        ("2026-10-01T10:00:00.999999999Z", "2026-10-01T10:00:00Z"),
        ("2026-10-01T00:30:00+01:00", "2026-09-30T23:30:00Z"),
        ("2026-10-01T23:30:00-0045", "2026-10-02T00:15:00Z"),
        ("2024-02-29T23:59:59-12", "2024-03-01T11:59:59Z"),
        ("2026-10-01T10:00:00-00:00", "2026-10-01T10:00:00Z"),
        ("Thu, 30 Jul 2015 20:12:31 +0000", "2015-07-30T20:12:31Z"),
        ("30 Jul 2015 20:12:31 -0000", "2015-07-30T20:12:31Z"),
        ("Wed, 1 Jul 2015 00:12:31 +0130", "2015-06-30T22:42:31Z"),
        ("Wed, 01 Jul 2015 00:12:31 GMT", "2015-07-01T00:12:31Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    ],
)
def test_a_moment_is_brought_to_utc_and_whole_seconds(text: str, canonical: str) -> None:
    """A record has one version time and one day, however its sender writes them."""
    assert canonical_moment(text) == canonical


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("2026-10-01T10:00:00", "time zone"),
        ("2026-10-01 10:00:00.5", "time zone"),
        ("2026-10-01", "must be a time such as"),
        (
            "2026-10-01T24:00:00Z",
            "such as .*, with hours from 00 to 23: midnight is 00:00:00 of the day that it begins",
        ),
        ("2026-10-01T10:00:60Z", "such as .*, with seconds from 00 to 59: a leap second is sent as :59"),
        ("2026-10-01T10:00Z", "such as .*, with seconds"),
        ("2026-10-01T10:00:00Z\n", "must be a time such as"),
        (" 2026-10-01T10:00:00Z", "must be a time such as"),
        ("٢٠٢٦-10-01T10:00:00Z", "must be a time such as"),
        ("2026-02-29T10:00:00Z", "date of the calendar"),
        ("0000-01-01T10:00:00Z", "date of the calendar"),
        ("Thu, 30 Feb 2015 20:12:31 +0000", "date of the calendar"),
        ("Fri, 30 Jul 2015 20:12:31 +0000", "its own weekday"),
        ("Thu, 30 jul 2015 20:12:31 +0000", "date of the calendar"),
        ("Thu, 30 Jul 2015 20:12:60 +0000", "such as .*, with seconds from 00 to 59"),
        ("Thu, 30 Jul 2015+20:12:31 +0000", "must be a time such as"),
        ("Thu, 30 Jul 2015 20:12:31", "such as .*, with its zone: \\+0000 if it is UTC"),
        ("Thu, 30 Jul 2015 20:12:31 EST", "such as .*, with its zone in digits, or GMT, UTC or UT"),
        ("2026-10-01T10:00:00+24:00", "between -23:59 and"),
        ("2026-10-01T10:00:00+0160", "between -23:59 and"),
        ("0001-01-01T00:00:00+01:00", "years 0001 to 9999"),
        ("9999-12-31T23:00:00-02:00", "years 0001 to 9999"),
        (f"2026-10-01T10:00:00.{'0' * 13}Z", "must be a time such as"),
        (f"{'x' * 17} 20:12:31 +0000", "must be a time such as"),
        ("1443470400", "such as .*, not seconds since 1970"),
        ("", "must be a time such as"),
        ("Thu, 30 Jul 2015 24:00:00 +0000", "with hours from 00 to 23"),
        ("Thu, 30 Jul 2015 20:12 +0000", "with seconds"),
        ("2026-10-01T10Z", "with seconds"),
        ("Thu, 30 Jul 15 20:12:31 +0000", "with a year of four digits"),
        ("Thu, 30 Jul 2015 20:12:31 +0000 (UTC)", "without a comment in brackets"),
        ("Thu, 30 Jul 2015 20:12:31 Z", "with its zone in digits, or GMT, UTC or UT"),
        ("Thursday, 30-Jul-15 20:12:31 GMT", "must be a time such as"),
        ("2026-10-01T10:00:00,5Z", "with a point before fractions of a second, of at most 12 digits"),
        (f"2026-10-01T10:00:00.{'0' * 13}Z", "of at most 12 digits"),
        ("1443470400.5", "not seconds since 1970"),
        ("x" * 1_000_000, "must be a time such as"),
    ],
)
def test_what_is_no_moment_is_refused_by_its_rule(text: str, rule: str) -> None:
    """A guessed zone or a repaired date puts a record into the wrong day without anybody noticing."""
    with pytest.raises(ValueError, match=rule):
        canonical_moment(text)


def test_a_moment_is_written_in_utc_without_its_fraction() -> None:
    """The bounds that records are compared with have the form of the records."""
    local = datetime(2026, 10, 1, 1, 2, 3, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert moment_text(local) == "2026-09-30T23:02:03Z"


def test_a_date_outside_the_calendar_is_no_day() -> None:
    """The shape of a date says nothing about February."""
    assert str(find_day("2024-02-29")) == "2024-02-29"
    assert find_day("2023-02-29") is None
