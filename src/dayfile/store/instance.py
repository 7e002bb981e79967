"""Facts of the instance itself.

Apart, because each table has a module of its own.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from dayfile.store.dialect import insert_missing
from dayfile.store.tables.instance import instance as table


class Instance:
    """Facts of the instance by name, within one transaction. A fact is set once and stays."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, name: str) -> str | None:
        """Return the value of the fact; None if it is not set yet."""
        return self._connection.execute(select(table.c.value).where(table.c.name == name)).scalar_one_or_none()

    def settle(self, name: str, value: str) -> str:
        """Set the fact if it is not set yet, and return the value that is valid from now on."""
        insert_missing(self._connection, table, [{"name": name, "value": value}])
        return str(self._connection.execute(select(table.c.value).where(table.c.name == name)).scalar_one())
