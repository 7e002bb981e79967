"""Lanes: the notices of one account for one host, told one after another.

A receiver is a URL or an e-mail address; what answers, hangs or is down is its host. So order, rest and fairness are
kept by lane, and a dead host costs little however many notices wait for it: `rest` says how seldom it is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from urllib.parse import urlsplit

from dayfile.model.account import AccountSid
from dayfile.model.notice import Channel, Notice, Outcome, Result

PATIENCE = 3
"""So many attempts of a lane may fail in a row before it rests."""

FIRST_REST = timedelta(seconds=5)
"""How long it rests then; each further failure doubles it."""

LONGEST_REST = timedelta(minutes=5)
"""How long it rests at most because of failures: a host that came back is noticed within this."""

LONGEST_ASKED_REST = timedelta(hours=1)
"""How long it rests at most because the host asked for time."""

GIVE_UP_AFTER = timedelta(days=4)
"""A notice that waits so long for a host that is still down is exhausted, however few its attempts: longer than the
whole schedule of attempts takes.
"""

PROMPT_FOR = timedelta(seconds=2)
"""A host that answers within this is prompt."""


class Standing(Enum):
    """What is known of a lane from its last attempt. Lanes of each standing have places of their own."""

    PROMPT = "prompt"  # answered, and soon
    NEW = "new"  # not asked yet
    TROUBLED = "troubled"  # failed, or took long


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneKey:
    """Which notices belong together."""

    account: AccountSid
    channel: Channel
    host: str  # scheme, name and port of a URL; the domain of an address

    @classmethod
    def of(cls, account: AccountSid, channel: Channel, receiver: str) -> LaneKey:
        """The lane for a receiver."""
        return cls(account=account, channel=channel, host=_host(channel, receiver))


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A claim on a lane, under which one notice is attempted now: nobody else attempts any notice of the lane."""

    lane_id: int
    key: LaneKey
    standing: Standing
    failures: int  # attempts of the lane that failed in a row
    notice: Notice
    attempt: int  # its number among all attempts of the notice
    worker: str
    token: int  # unlike any other claim's


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneVerdict:
    """How it goes on with a lane after an attempt."""

    standing: Standing
    failures: int
    rests_until: datetime | None
    is_back: bool  # it had been down for long, and answers again: what waits for its next attempt need not


def lane_after(failures: int, outcome: Outcome, *, took: timedelta, now: datetime) -> LaneVerdict:
    """What follows for a lane, `failures` of whose attempts had failed in a row, from the outcome of one more."""
    if outcome.result is not Result.FAILED:
        prompt = took <= PROMPT_FOR
        standing = Standing.PROMPT if prompt else Standing.TROUBLED
        return LaneVerdict(standing=standing, failures=0, rests_until=None, is_back=rest(failures) == LONGEST_REST)
    asked = min(outcome.retry_after or timedelta(0), LONGEST_ASKED_REST)
    pause = max(rest(failures + 1), asked)
    return LaneVerdict(
        standing=Standing.TROUBLED,
        failures=failures + 1,
        rests_until=now + pause if pause else None,
        is_back=False,
    )


def rest(failures: int) -> timedelta:
    """How long a lane is left alone after so many failures in a row."""
    if failures < PATIENCE:
        return timedelta(0)
    doublings = min(failures - PATIENCE, 20)
    return min(FIRST_REST * (1 << doublings), LONGEST_REST)


def _host(channel: Channel, receiver: str) -> str:
    if channel is Channel.MAIL:
        return receiver.rpartition("@")[2].lower()
    parts = urlsplit(receiver)
    # Without user name and password: they are nobody's business here, and the same host is the same host.
    return f"{parts.scheme.lower()}://{parts.netloc.rpartition('@')[2].lower()}"
