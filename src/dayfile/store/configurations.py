"""Rows of export configurations: one for each account and resource type, from its first change on."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, select, update

from dayfile.model.account import AccountSid, AccountState
from dayfile.model.day import Day
from dayfile.model.export import ExportConfiguration
from dayfile.model.resource import ResourceType
from dayfile.store.columns import read_type
from dayfile.store.dialect import insert_missing
from dayfile.store.prepared import Prepared
from dayfile.store.sound_rows import Refused, sound_rows
from dayfile.store.tables.accounts import account as account_table
from dayfile.store.tables.exports import export_configuration as table

_KEYED: Final = select(table).where(
    table.c.account == bindparam("account"), table.c.resource_type == bindparam("resource_type")
)
_ONE: Final = Prepared(_KEYED)
_OF_ACCOUNT: Final = Prepared(select(table).where(table.c.account == bindparam("account")))


class Configurations:
    """The export configurations, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, account: AccountSid, resource_type: ResourceType) -> ExportConfiguration:
        """Return the configuration, which always exists."""
        row = _ONE.row(self._connection, account=account, resource_type=resource_type.name)
        return ExportConfiguration.initial(account, resource_type) if row is None else _configuration(row)

    def of_account(self, account: AccountSid) -> dict[str, ExportConfiguration]:
        """Return the configurations of an account by type, as far as they were ever changed."""
        return {row.resource_type: _configuration(row) for row in _OF_ACCOUNT.rows(self._connection, account=account)}

    def lock(self, account: AccountSid, resource_type: ResourceType, *, now: datetime) -> ExportConfiguration:
        """Return the configuration, locked until this transaction ends.

        Without the lock, two partial updates at once would each undo the other's change.
        """
        initial = ExportConfiguration.initial(account, resource_type)
        insert_missing(self._connection, table, [_key(initial) | _values(initial, now)])
        key = {"account": account, "resource_type": resource_type.name}
        row = self._connection.execute(_KEYED.with_for_update(), key).one()
        return _configuration(row)

    def put(self, configuration: ExportConfiguration, *, now: datetime) -> None:
        """Write a configuration that was locked."""
        statement = update(table).where(
            table.c.account == configuration.account, table.c.resource_type == configuration.resource_type.name
        )
        self._connection.execute(statement.values(_values(configuration, now)))

    def covering(
        self,
        resource_type: ResourceType,
        day: Day,
        *,
        after: str,
        limit: int,
        on_refused: Refused = lambda _, __: None,
    ) -> list[ExportConfiguration]:
        """Return enabled configurations of active accounts that cover a day, ordered by account sid, after `after`.

        No account joins later: exports enabled after the day's end are not retroactive.
        """
        query = (
            select(table)
            .join(account_table, account_table.c.sid == table.c.account)
            .where(
                table.c.resource_type == resource_type.name,
                table.c.enabled_at < day.end,
                table.c.account > after,
                account_table.c.state == AccountState.ACTIVE.value,
            )
            .order_by(table.c.account)
            .limit(limit)
        )
        return sound_rows(self._connection, query, _configuration, on_refused=on_refused)


def _key(configuration: ExportConfiguration) -> dict[str, Any]:
    return {"account": configuration.account, "resource_type": configuration.resource_type.name}


def _values(configuration: ExportConfiguration, now: datetime) -> dict[str, Any]:
    return {
        "enabled_at": configuration.enabled_at,
        "webhook_url": configuration.webhook_url,
        "webhook_method": configuration.webhook_method,
        "changed_at": now,
    }


def _configuration(row: Row[Any]) -> ExportConfiguration:
    return ExportConfiguration(
        account=row.account,
        resource_type=read_type(row.resource_type, "export_configuration", row.account),
        enabled_at=row.enabled_at,
        webhook_url=row.webhook_url,
        webhook_method=row.webhook_method,
    )
