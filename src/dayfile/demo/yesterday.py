"""The demo's history: the instance is created a day ago, so that it has a day to publish when its server starts.

Nobody who tries the demo waits for midnight. So the accounts are created, daily exports are enabled and the day's
records are accepted under a clock that is a day behind. The server then publishes the day by itself, in real time.
Apart, because it is the only part of the demo that runs under another clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from dayfile.clock import SystemClock
from dayfile.demo.expectation import Expectation
from dayfile.demo.platform import batches
from dayfile.demo.traffic import Traffic
from dayfile.exports.configuration import Configuring
from dayfile.intake.pipeline import IncomingBatch
from dayfile.model.account import AccountSid
from dayfile.model.credential import Actor, Caller
from dayfile.model.day import Day, DayRange
from dayfile.model.export import ConfigurationChange
from dayfile.model.resource import MESSAGES
from dayfile.service import Service

_ENABLED = ConfigurationChange(enabled=True, webhook_url=None, webhook_method=None)


class DayAgo(SystemClock):
    """The system clock, set back by a day."""

    def now(self) -> datetime:
        return super().now() - timedelta(days=1)


def live_through(service: Service, platform: Caller, accounts: Iterable[AccountSid], *, records: int) -> Expectation:
    """Enable daily exports and send records for the clock's current day; return its expected daily exports."""
    today, members = Day.of(service.clock.now()), list(accounts)
    service.worker.open_days()
    configuring = Configuring(service.database, clock=service.clock)
    for account in members:
        configuring.change(account, MESSAGES, _ENABLED, actor=Actor(name=account))
    # Of two days, the second is the one without records.
    traffic = Traffic(seed="yesterday", accounts=members, days=DayRange(first=today, last=today + 1), records=records)
    expectation = Expectation()
    for batch in batches(traffic.on_time()):
        lines = [version.sent + b"\n" for version in batch.versions]
        incoming = IncomingBatch(
            caller=platform,
            resource_type=batch.resource_type,
            blocks=lines,
            compression=None,
            idempotency_key=None,
        )
        service.intake.submit(incoming).result()
        for version in batch.versions:
            expectation.add(version)
    return expectation
