"""What happened in the demo's instance before its server starts: it was made a day ago, and has a day to publish.

Nobody who tries the demo waits for midnight. So the accounts are made, daily exports are enabled and the day's records
are taken in under a clock that is a day behind; what the server does after that, it does by itself, in its own time.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from dayfile.cli.demo.expectation import Expectation
from dayfile.cli.demo.platform import batches
from dayfile.cli.demo.traffic import Traffic
from dayfile.clock import SystemClock
from dayfile.exports.configuration import Configuring
from dayfile.intake.accept import Delivery
from dayfile.model.account import AccountSid
from dayfile.model.credential import Actor, Caller
from dayfile.model.day import Day, DayRange
from dayfile.model.export import ConfigurationChange
from dayfile.model.resource import MESSAGES
from dayfile.service import Service

_ENABLED = ConfigurationChange(enabled=True, webhook_url=None, webhook_method=None)


class DayAgo(SystemClock):
    """A clock that is a day behind."""

    def now(self) -> datetime:
        return super().now() - timedelta(days=1)


def live_through(service: Service, platform: Caller, accounts: Iterable[AccountSid], *, records: int) -> Expectation:
    """Have the day that it is on the service's clock: what must be exported of it, by itself, when it is over."""
    today, members = Day.of(service.clock.now()), list(accounts)
    service.worker.open_days()
    configuring = Configuring(service.database, clock=service.clock)
    for account in members:
        configuring.change(account, MESSAGES, _ENABLED, actor=Actor(name=account))
    # Of two days the second is the quiet one.
    traffic = Traffic(seed="yesterday", accounts=members, days=DayRange(first=today, last=today + 1), records=records)
    expectation = Expectation()
    for batch in batches(traffic.on_time()):
        lines = [version.sent + b"\n" for version in batch.versions]
        delivery = Delivery(
            caller=platform,
            resource_type=batch.resource_type,
            blocks=lines,
            compression=None,
            idempotency_key=None,
        )
        service.intake.submit(delivery).result()
        for version in batch.versions:
            expectation.add(version)
    return expectation
