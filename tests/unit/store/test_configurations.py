"""Export configurations in both databases: partial changes at once must all be there afterwards."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest

from dayfile.errors import InvalidParameter
from dayfile.exports.configuration import Configuring
from dayfile.model.account import AccountSid
from dayfile.model.credential import Actor
from dayfile.model.day import Day
from dayfile.model.export import ConfigurationChange, ExportConfiguration
from dayfile.model.resource import MESSAGES
from dayfile.store.database import Database
from tests.support.clock import NOON, FakeClock
from tests.support.state import a_sid, an_account

URL = "https://example.com/hook"


def a_change(
    *, enabled: bool | None = None, webhook_url: str | None = None, webhook_method: str | None = None
) -> ConfigurationChange:
    """A change of the parts that are named."""
    return ConfigurationChange(enabled=enabled, webhook_url=webhook_url, webhook_method=webhook_method)


def test_the_first_changes_at_once_are_all_kept(database: Database) -> None:
    """Not even the row exists that they could wait for."""
    configuring = Configuring(database, clock=FakeClock())
    both = a_change(webhook_url=URL, webhook_method="POST")
    with ThreadPoolExecutor(8) as pool:
        for number in range(5):
            account = an_account(database, f"a{number}").sid
            change = partial(configuring.change, account, MESSAGES, actor=Actor(name="test"))
            list(pool.map(change, [a_change(enabled=True), both, a_change(enabled=True), both]))
            with database.snapshot() as tx:
                found = tx.configurations.get(account, MESSAGES)
            assert (found.is_enabled, found.webhook_url, found.webhook_method) == (True, URL, "POST")


def test_enabling_again_does_not_start_anew(database: Database) -> None:
    """A client that says true every day would otherwise never get the day on which it did."""
    clock, account = FakeClock(), an_account(database)
    configuring = Configuring(database, clock=clock)
    first = configuring.change(account.sid, MESSAGES, a_change(enabled=True), actor=Actor(name="test"))
    clock.pass_by(timedelta(hours=1))
    assert configuring.change(account.sid, MESSAGES, a_change(enabled=True), actor=Actor(name="test")) == first
    configuring.change(account.sid, MESSAGES, a_change(enabled=False), actor=Actor(name="test"))
    again = configuring.change(account.sid, MESSAGES, a_change(enabled=True), actor=Actor(name="test"))
    assert again.enabled_at == NOON + timedelta(hours=1)


def test_a_refused_change_leaves_no_row(database: Database) -> None:
    """Nothing of it may be seen, not even that it was tried."""
    configuring = Configuring(database, clock=FakeClock())
    account = an_account(database).sid
    with pytest.raises(InvalidParameter, match="WebhookMethod"):
        configuring.change(account, MESSAGES, a_change(enabled=True, webhook_url=URL), actor=Actor(name="test"))
    with database.snapshot() as tx:
        assert tx.configurations.get(account, MESSAGES) == ExportConfiguration.initial(account, MESSAGES)


@pytest.mark.parametrize(
    ("enabled_after_end", "covers"), [(timedelta(microseconds=-1), True), (timedelta(0), False), (timedelta(1), False)]
)
def test_enabling_counts_from_the_day_in_which_it_falls(enabled_after_end: timedelta, *, covers: bool) -> None:
    """To the microsecond: midnight belongs to the next day."""
    day = Day.parse("2026-11-22")
    off = ExportConfiguration.initial(AccountSid(a_sid("AC", "acme")), MESSAGES)
    enabled = off.changed(a_change(enabled=True), now=day.end + enabled_after_end)
    assert (enabled.covers(day), off.covers(day)) == (covers, False)
