"""Made-up records of a platform, each as the sequence of its versions.

A version is its fields, in the order of the export format; times are datetimes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from dayfile.demo import phrases
from dayfile.demo.dice import Dice

Value = str | int | bool | datetime | None | list[str]
Fields = dict[str, Value]

_BUSY_HOURS: Final = (0, 2, 6, 7, 8, 8, 9, 9, 9, 10, 10, 11, 11, 12, 13, 14, 14, 15, 15, 16, 16, 17, 18, 19, 20, 21, 23)
_REGIONS: Final = ("us1", "us2", "ie1", "de1", "sg1", "br1", "au1", "jp1")


def moment_of_day(dice: Dice, midnight: datetime) -> datetime:
    """Return a moment of the day that starts at `midnight`, mostly at an hour when people are awake."""
    return midnight + timedelta(hours=dice.pick(_BUSY_HOURS), seconds=dice.below(3600))


def message(dice: Dice, *, account: str, at: datetime) -> Iterator[Fields]:
    """Yield the versions of a message: one if it is inbound; outbound it is queued, sent, delivered, then priced."""
    inbound = dice.happens(1, of=4)
    body = _text(dice, dice.pick(phrases.BODIES))
    fields: Fields = {
        "sid": dice.sid("MM" if dice.happens(1, of=12) else "SM"),
        "account_sid": account,
        "date_created": at,
        "date_updated": at,
        "date_sent": at if inbound else None,
        "status": "received" if inbound else "queued",
        "direction": "inbound" if inbound else dice.pick(("outbound-api", "outbound-api", "outbound-reply")),
        "from": _number(dice),
        "to": _number(dice),
        "body": body,
        "num_segments": 1 + len(body) // 70,
        "num_media": dice.below(3) if dice.happens(1, of=12) else 0,
        "error_code": None,
        "price": f"-0.0{dice.digits(4)}" if inbound else None,
        "messaging_service_sid": dice.sid("MG") if dice.happens(1, of=3) else None,
    }
    if dice.happens(1, of=25):
        # Unknown to the export format: it is kept, after all known fields.
        fields |= {"campaign": dice.pick(("spring", "été", "冬")), "tags": ["demo", dice.digits(3)]}
    yield fields
    if not inbound:
        yield from _delivery(dice, fields, at=at)


def _delivery(dice: Dice, fields: Fields, *, at: datetime) -> Iterator[Fields]:
    sent = _later(at, dice.between(1, 4))
    fields = fields | {"date_updated": sent, "date_sent": sent, "status": "sent"}
    yield fields
    over = _later(sent, dice.between(1, 90))
    if dice.happens(1, of=20):
        error = dice.pick((30003, 30005, 30006))
        yield fields | {"date_updated": over, "status": "undelivered", "error_code": error}
        return
    fields = fields | {"date_updated": over, "status": "delivered"}
    if dice.happens(1, of=2):
        # The price comes in the same second as the status: of equally new versions, the later one counts.
        yield fields
    yield fields | {"price": f"-0.0{dice.digits(4)}"}


def call(dice: Dice, *, account: str, at: datetime) -> Iterator[Fields]:
    """Yield the versions of a call: it rings, and later it is over."""
    caller = _number(dice)
    callee = "sip:desk@example.com" if dice.happens(1, of=9) else _number(dice)
    fields: Fields = {
        "sid": dice.sid("CA"),
        "account_sid": account,
        "date_created": at,
        "date_updated": at,
        "start_time": None,
        "end_time": None,
        "status": "ringing",
        "direction": dice.pick(("inbound", "outbound-api", "outbound-dial")),
        "from": caller,
        "from_formatted": _formatted(caller),
        "to": callee,
        "to_formatted": _formatted(callee),
        "duration": None,
        "queue_time": str(dice.below(2000)),
        "price": None,
        "price_unit": "USD",
        "answered_by": None,
        "forwarded_from": None,
        "caller_name": dice.pick(phrases.NAMES) if dice.happens(1, of=5) else None,
        "parent_call_sid": None,
        "phone_number_sid": dice.sid("PN"),
        "group_sid": None,
        "trunk_sid": None,
        "api_version": "2010-04-01",
    }
    yield fields
    yield fields | _end_of_call(dice, at=at)


def _end_of_call(dice: Dice, *, at: datetime) -> Fields:
    outcome = dice.pick(("completed", "completed", "completed", "busy", "no-answer", "failed"))
    answered = outcome == "completed"
    started = _later(at, dice.between(1, 20))
    seconds = dice.between(1, 1800) if answered else 0
    over = _later(started, seconds)
    return {
        "date_updated": over,
        "start_time": started,
        "end_time": over,
        "status": outcome,
        "duration": str(seconds),
        "price": f"-0.{dice.digits(3)}" if answered else None,
        "answered_by": "human" if answered and dice.happens(1, of=3) else None,
    }


def conference(dice: Dice, *, account: str, at: datetime) -> Iterator[Fields]:
    """Yield the versions of a conference: it begins, and later it is over."""
    fields: Fields = {
        "sid": dice.sid("CF"),
        "account_sid": account,
        "date_created": at,
        "date_updated": at,
        "friendly_name": _text(dice, dice.pick(phrases.ROOMS)),
        "region": dice.pick(_REGIONS),
        "status": "init",
        "reason_conference_ended": None,
        "call_sid_ending_conference": None,
    }
    yield fields
    yield fields | {
        "date_updated": _later(at, dice.between(60, 5400)),
        "status": "completed",
        "reason_conference_ended": "last-participant-left",
        "call_sid_ending_conference": dice.sid("CA"),
    }


def participant(dice: Dice, *, account: str, conference_sid: str, at: datetime) -> Iterator[Fields]:
    """Yield the versions of a participant: connected, and later gone."""
    fields: Fields = {
        "conference_sid": conference_sid,
        "call_sid": dice.sid("CA"),
        "account_sid": account,
        "date_created": at,
        "date_updated": at,
        "status": "connected",
        "muted": dice.happens(1, of=4),
        "hold": False,
        "coaching": False,
        "start_conference_on_enter": True,
        "end_conference_on_exit": dice.happens(1, of=6),
        "call_sid_to_coach": None,
        "queue_time": None,
    }
    yield fields
    yield fields | {"date_updated": _later(at, dice.between(30, 5400)), "status": "complete"}


def _later(moment: datetime, seconds: int) -> datetime:
    return moment + timedelta(seconds=seconds)


def _text(dice: Dice, pattern: str) -> str:
    return pattern.format(
        name=dice.pick(phrases.NAMES), number=dice.digits(6), two=dice.between(10, 59), small=dice.between(2, 12)
    )


def _number(dice: Dice) -> str:
    return dice.pick(phrases.NUMBERS).format(three=dice.digits(3), pair=dice.digits(2))


def _formatted(number: str) -> str:
    return f"({number[2:5]}) {number[5:8]}-{number[8:]}" if number.startswith("+1") else number
