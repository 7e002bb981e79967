"""Made-up traffic of a platform over some days: the same seed gives the same records, to the byte.

It is like real traffic: records have several versions, some repeated or out of order, prices arrive in the same second
as the status, one day has no records, and one day gets late records after it was exported.

Each version has two forms: as platforms send it, and as its line in an export. The line is built from the documented
format alone, with another JSON encoder than the server's, so that finding it in a day file proves something.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Final, NamedTuple

from dayfile.demo import records
from dayfile.demo.dice import Dice
from dayfile.demo.records import Fields, Value
from dayfile.model.account import AccountSid
from dayfile.model.day import Day, DayRange
from dayfile.model.resource import CALLS, CONFERENCES, MESSAGES, PARTICIPANTS, ResourceType

_SHARES: Final = (6, 3, 1)
"""Shares of the accounts in the traffic, in tenths; accounts after the third get as much as the third."""

_CORRECTIONS: Final[dict[ResourceType, Fields]] = {
    MESSAGES: {"status": "read"},
    CALLS: {"price": "-0.00001"},
    CONFERENCES: {"reason_conference_ended": "conference-ended-via-api"},
    PARTICIPANTS: {"muted": True, "status": "complete"},
}
_API_VERSION = "2010-04-01"
_CORRECTED_AFTER = timedelta(hours=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a record: as a platform sends it, and as its line in an export."""

    resource_type: ResourceType
    account: AccountSid
    day: Day
    key: str
    updated_at: datetime
    sent: bytes
    line: bytes


class _Happening(NamedTuple):
    """One record with all its versions, oldest first."""

    resource_type: ResourceType
    account: AccountSid
    versions: list[Fields]


class Traffic:
    """The traffic of some accounts on some days, about `records` records in all."""

    def __init__(self, *, seed: str, accounts: Sequence[AccountSid], days: DayRange, records: int) -> None:
        self._seed = seed
        self._accounts = accounts
        self._days = days
        self._per_day = records / max(1, len(days) - 1)
        self.quiet_day = days.first + len(days) // 2
        self.late_day = days.first + 1

    def on_time(self) -> Iterator[Version]:
        """Yield all versions that are sent before any export, day by day, in the order of their times."""
        for day in self._days:
            if day == self.quiet_day:
                continue
            versions = [version for happening in self._happenings(day) for version in _versions(happening, day)]
            versions.sort(key=lambda version: version.updated_at)
            yield from versions
            dice = Dice(f"{self._seed}/again/{day}")
            yield from (version for version in versions if dice.happens(1, of=40))

    def late(self) -> Iterator[Version]:
        """Yield late versions of one day: corrections, each followed by the version it corrects, and new records."""
        day = self.late_day
        dice = Dice(f"{self._seed}/late")
        for resource_type, account, versions in self._happenings(day):
            if dice.happens(1, of=30):
                corrected = _corrected(resource_type, versions[-1])
                yield from _versions(_Happening(resource_type, account, [corrected, versions[0]]), day)
        for happening in self._happenings(day, part="late", records=self._per_day / 30):
            yield from _versions(happening, day)

    def _happenings(self, day: Day, *, part: str = "", records: float | None = None) -> Iterator[_Happening]:
        dice = Dice(f"{self._seed}/{day}/{part}")
        for number, account in enumerate(self._accounts):
            share = _SHARES[min(number, len(_SHARES) - 1)] / 10
            expected = (self._per_day if records is None else records) * share * dice.between(7, 13) / 10
            yield from _of_account(dice, day, account, count=max(4, round(expected)))


def _of_account(dice: Dice, day: Day, account: AccountSid, *, count: int) -> Iterator[_Happening]:
    """Yield three messages to each call, and now and then a conference with its participants."""
    for number in range(count):
        at = records.moment_of_day(dice, day.start)
        if number % 4 == 0:
            yield _Happening(CALLS, account, list(records.call(dice, account=account, at=at)))
        elif number % 40 == 1:
            yield from _meeting(dice, account, at=at)
        else:
            yield _Happening(MESSAGES, account, list(records.message(dice, account=account, at=at)))


def _meeting(dice: Dice, account: AccountSid, *, at: datetime) -> Iterator[_Happening]:
    versions = list(records.conference(dice, account=account, at=at))
    yield _Happening(CONFERENCES, account, versions)
    for _ in range(dice.between(2, 6)):
        joined = at + timedelta(seconds=dice.below(60))
        sid = str(versions[0]["sid"])
        people = records.participant(dice, account=account, conference_sid=sid, at=joined)
        yield _Happening(PARTICIPANTS, account, list(people))


def _corrected(resource_type: ResourceType, newest: Fields) -> Fields:
    updated = newest["date_updated"]
    later = updated + _CORRECTED_AFTER if isinstance(updated, datetime) else updated
    return newest | _CORRECTIONS[resource_type] | {"date_updated": later}


def _versions(happening: _Happening, day: Day) -> Iterator[Version]:
    for fields in happening.versions:
        key = "/".join(str(fields[key_field.name]) for key_field in happening.resource_type.key_fields)
        updated = fields["date_updated"]
        if not isinstance(updated, datetime):
            raise TypeError(f"date_updated of {key} is no moment")
        line = _export_line(fields)
        yield Version(
            resource_type=happening.resource_type,
            account=happening.account,
            day=day,
            key=key,
            updated_at=updated,
            # About half of the records are sent in the REST form.
            sent=_rest_line(happening.resource_type, fields) if int(key[-1], 16) % 2 else line.rstrip(b"\n"),
            line=line,
        )


def _export_line(fields: Fields) -> bytes:
    """Return the line in an export: members in the documented order, the shortest JSON, UTF-8, one newline."""
    plain = {name: _iso(value) for name, value in fields.items()}
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _rest_line(resource_type: ResourceType, fields: Fields) -> bytes:
    """Return the REST form: RFC 2822 dates, numbers as text, sorted members, escapes, members that exports drop."""
    own = {name: _mail(value) for name, value in fields.items()}
    name = "/".join(str(fields[key.name]) for key in resource_type.key_fields)
    uri = f"/{_API_VERSION}/Accounts/{fields['account_sid']}/{resource_type.name}/{name}.json"
    extra: dict[str, object] = {
        "api_version": _API_VERSION,
        "uri": uri,
        "subresource_uris": {},
        "label": None,
        "price_unit": "USD",
    }
    added = {name: value for name, value in extra.items() if name in resource_type.dropped}
    return json.dumps(own | added, sort_keys=True).encode()


def _iso(value: Value) -> object:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else value


def _mail(value: Value) -> object:
    if isinstance(value, datetime):
        return format_datetime(value)
    return str(value) if type(value) is int else value
