"""Lanes: the notices of one account for one host, delivered one after another.

A receiver is a URL or an e-mail address, but it is its host that answers, hangs or is down. So order, rest and fairness
are kept by lane, and a dead host costs little however many notices wait for it: `rest` gives the pause between
attempts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from urllib.parse import urlsplit

from dayfile.model.account import AccountSid
from dayfile.model.notice import Channel, Notice, Outcome, Result

PATIENCE = 3
"""The number of attempts of a lane that may fail in a row before it rests."""

FIRST_REST = timedelta(seconds=5)
"""The first rest; each further failure doubles it."""

LONGEST_REST = timedelta(minutes=5)
"""The longest rest because of failures: a host that came back is noticed within this."""

LONGEST_ASKED_REST = timedelta(hours=1)
"""The longest rest because the host asked for time."""

GIVE_UP_AFTER = timedelta(days=4)
"""The age at which a notice for a host that is still down is exhausted: longer than the whole schedule of attempts."""

PROMPT_FOR = timedelta(seconds=2)
"""A host that answers within this is prompt."""


class LaneHealth(Enum):
    """The health of a lane, known from its last attempt. Lanes of each health have places of their own."""

    PROMPT = "prompt"  # answered, and soon
    NEW = "new"  # not asked yet
    TROUBLED = "troubled"  # failed, or took long


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneKey:
    """The key of a lane: notices with the same key are in the same lane."""

    account: AccountSid
    channel: Channel
    host: str  # scheme, name and port of a URL; the domain of an address

    @classmethod
    def of(cls, account: AccountSid, channel: Channel, receiver: str) -> LaneKey:
        """Return the key of the lane for a receiver."""
        return cls(account=account, channel=channel, host=_host(channel, receiver))


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A claim on a lane to attempt one notice; meanwhile nobody else attempts any notice of the lane."""

    lane_id: int
    key: LaneKey
    health: LaneHealth
    failures: int  # attempts of the lane that failed in a row
    notice: Notice
    attempt: int  # its number among all attempts of the notice
    worker: str
    token: int  # unlike any other claim's


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneVerdict:
    """The consequences of an attempt for its lane."""

    health: LaneHealth
    failures: int
    rests_until: datetime | None
    is_back: bool  # it answers again after a long outage: its notices need not wait for their next attempts


def lane_after(failures: int, outcome: Outcome, *, took: timedelta, now: datetime) -> LaneVerdict:
    """Return the consequences of one more attempt for a lane; `failures` attempts in a row had failed before it."""
    if outcome.result is not Result.FAILED:
        prompt = took <= PROMPT_FOR
        health = LaneHealth.PROMPT if prompt else LaneHealth.TROUBLED
        return LaneVerdict(health=health, failures=0, rests_until=None, is_back=rest(failures) == LONGEST_REST)
    asked = min(outcome.retry_after or timedelta(0), LONGEST_ASKED_REST)
    pause = max(rest(failures + 1), asked)
    return LaneVerdict(
        health=LaneHealth.TROUBLED,
        failures=failures + 1,
        rests_until=now + pause if pause else None,
        is_back=False,
    )


def rest(failures: int) -> timedelta:
    """Return the pause of a lane after so many failures in a row."""
    if failures < PATIENCE:
        return timedelta(0)
    doublings = min(failures - PATIENCE, 20)
    return min(FIRST_REST * (1 << doublings), LONGEST_REST)


def _host(channel: Channel, receiver: str) -> str:
    if channel is Channel.MAIL:
        return receiver.rpartition("@")[2].lower()
    parts = urlsplit(receiver)
    # Without user name and password: they are secrets, and the host is the same whatever they are.
    return f"{parts.scheme.lower()}://{parts.netloc.rpartition('@')[2].lower()}"
