"""Export configurations: each change is in one commit with its entry in the audit log."""

from __future__ import annotations

from collections.abc import Iterator

from dayfile.clock import Clock
from dayfile.model.account import AccountSid
from dayfile.model.credential import Actor
from dayfile.model.export import ConfigurationChange, ExportConfiguration
from dayfile.model.resource import ResourceType
from dayfile.store.database import Database
from dayfile.store.transaction import Transaction


class Configuring:
    """Changes that customers make to their export configurations."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def change(
        self, account: AccountSid, resource_type: ResourceType, change: ConfigurationChange, *, actor: Actor
    ) -> ExportConfiguration:
        """Apply a change to the configuration as it is at the commit, note `actor` in the audit log, return the result.

        Raises InvalidParameter, with nothing changed, if the result would not be a valid configuration.
        """

        def change_it(tx: Transaction) -> ExportConfiguration:
            was = tx.configurations.lock(account, resource_type, now=self._clock.now())
            now = self._clock.now()  # read under the lock, so that a later change has a later time
            becomes = was.changed(change, now=now)
            if becomes != was:
                tx.configurations.put(becomes, now=now)
            for action in _actions(was, becomes):
                tx.audit.add(actor=actor, action=action, subject=f"{account}/{resource_type}", now=now)
            return becomes

        return self._database.run(change_it)


def _actions(was: ExportConfiguration, becomes: ExportConfiguration) -> Iterator[str]:
    if becomes.is_enabled != was.is_enabled:
        yield "daily_export.enabled" if becomes.is_enabled else "daily_export.disabled"
    if (becomes.webhook_url, becomes.webhook_method) != (was.webhook_url, was.webhook_method):
        yield "daily_export.webhook_changed"  # without the URL, which may carry a secret
