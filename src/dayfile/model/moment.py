"""Moments in records, brought to the one form of an export: UTC, whole seconds, `2026-10-01T10:00:00Z`.

Two forms are accepted: ISO 8601 with a zone, as in exports, and the dates of mail (RFC 2822), as in the REST API.
Canonical texts have a fixed width and compare as the moments that they stand for.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from dayfile.errors import InvalidParameter
from dayfile.model.day import Day

_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"

# What is cached is bounded in number and, by these patterns, in length.
_ISO = re.compile(rf"({_DATE})[Tt ]({_CLOCK})(?:\.[0-9]{{1,12}})?(Z|z|[+-][0-9]{{2}}(?::?[0-9]{{2}})?)")
_ISO_WITHOUT_ZONE = re.compile(rf"{_DATE}[Tt ]{_CLOCK}(?:\.[0-9]+)?")
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MAIL = re.compile(rf"([A-Za-z0-9, ]{{10,16}}) ({_CLOCK}) ([+-][0-9]{{4}}|GMT|UTC|UT)")
_MAIL_DATE = re.compile(rf"(?:({'|'.join(_WEEKDAYS)}), )?([0-9]{{1,2}}) ({'|'.join(_MONTHS)}) ([0-9]{{4}})")
_ZERO_ZONES = frozenset({"Z", "z", "+0000", "-0000", "+00:00", "-00:00", "+00", "-00", "GMT", "UTC", "UT"})

_EXAMPLES = "2026-10-01T10:00:00Z or Thu, 01 Oct 2026 10:00:00 +0000"
# Near misses, the first that is found: forms of RFC 2822 and ISO 8601 that are not accepted.
_NEAR_MISSES = tuple(
    (re.compile(pattern), rule)
    for pattern, rule in (
        (r":[0-5][0-9]:60", ", with seconds from 00 to 59: a leap second is sent as :59"),
        (r"[Tt ]24:00", ", with hours from 00 to 23: midnight is 00:00:00 of the day that it begins"),
        (r"\([^()]*\)$", ", without a comment in brackets"),
        (r"^-?[0-9]+(?:\.[0-9]+)?$", ", not seconds since 1970"),
        (rf"^{_DATE}[Tt ]{_CLOCK}[.,][0-9]", ", with a point before fractions of a second, of at most 12 digits"),
        (rf"^{_DATE}[Tt ][0-9]{{2}}(?::?[0-9]{{2}})?(?:[Zz+-]|$)", ", with seconds"),
        (r" [0-9]{1,2}:[0-9]{2}(?: |$)", ", with seconds"),
        (rf" [0-9]{{4}} {_CLOCK}$", ", with its zone: +0000 if it is UTC"),
        (rf" [0-9]{{4}} {_CLOCK} [A-Za-z]{{1,5}}$", ", with its zone in digits, or GMT, UTC or UT"),
    )
)
_LONGEST_NEAR_MISS = 80

# The records of a batch share a few days, and come more or less in the order of their times.
_DAYS_REMEMBERED = 4096
_MOMENTS_REMEMBERED = 4096


@lru_cache(maxsize=_MOMENTS_REMEMBERED)
def canonical_moment(text: str) -> str:
    """Return the moment in canonical form, without fractions of a second; raises ValueError with the broken rule."""
    if match := _ISO.fullmatch(text):
        date, clock, zone = match.groups()
        if find_day(date) is None:
            raise ValueError("must be a date of the calendar")
    elif match := _MAIL.fullmatch(text):
        mail_date, clock, zone = match.groups()
        found = _find_date_of_mail(mail_date)
        if found is None:
            raise ValueError(
                "must be a date of the calendar, with a year of four digits, names spelled as Thu and Oct, and its own "
                "weekday if it names one"
            )
        date = found
    elif _ISO_WITHOUT_ZONE.fullmatch(text):
        raise ValueError("must say its time zone: add Z if it is UTC")
    else:
        raise ValueError(f"must be a time such as {_EXAMPLES}{_what_is_wrong(text)}")
    return f"{date}T{clock}Z" if zone in _ZERO_ZONES else _shift(date, clock, zone)


def _what_is_wrong(text: str) -> str:
    """Name the rule that a text breaks which is nearly a time; nothing for other texts."""
    if len(text) <= _LONGEST_NEAR_MISS:
        for pattern, rule in _NEAR_MISSES:
            if pattern.search(text):
                return rule
    return ""


def moment_text(moment: datetime) -> str:
    """Return an aware moment in the canonical form."""
    return f"{moment.astimezone(UTC).isoformat(timespec='seconds')[:19]}Z"  # without +00:00


@lru_cache(maxsize=_DAYS_REMEMBERED)
def find_day(text: str) -> Day | None:
    """Return the day for a text `yyyy-mm-dd`, or None if the calendar has no such date."""
    try:
        return Day.parse(text)
    except InvalidParameter:
        return None


@lru_cache(maxsize=_DAYS_REMEMBERED)
def _find_date_of_mail(text: str) -> str | None:
    """Return `2015-07-30` for `Thu, 30 Jul 2015`; None for a text that is not a date or names another weekday."""
    match = _MAIL_DATE.fullmatch(text)
    if match is None:
        return None
    weekday, number, month, year = match.groups()
    day = find_day(f"{year}-{_MONTHS.index(month) + 1:02}-{int(number):02}")
    if day is None or weekday not in {None, _WEEKDAYS[day.date.weekday()]}:
        return None
    return str(day)


def _shift(date: str, clock: str, zone: str) -> str:
    """Return the local time of a zone as UTC."""
    digits = zone[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:  # noqa: PLR2004 - a day's last hour, an hour's last minute
        raise ValueError("must have a zone between -23:59 and +23:59")
    ahead = timedelta(hours=hours, minutes=minutes)
    local = datetime.fromisoformat(f"{date}T{clock}+00:00")
    try:
        return moment_text(local - ahead if zone[0] == "+" else local + ahead)
    except OverflowError as error:
        raise ValueError("must lie in the years 0001 to 9999") from error
