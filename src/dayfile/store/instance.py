"""Facts of the instance itself.

Apart, because each table has a module of its own.
"""

from __future__ import annotations

import json
from typing import Final

from sqlalchemy import Connection, delete, select

from dayfile.errors import Outdated
from dayfile.store.dialect import insert_missing, upsert
from dayfile.store.prepared import Prepared
from dayfile.store.tables.instance import instance as table

SCHEMA: Final = "0020"
"""The version of the schema that this Dayfile is made for: its last migration."""

MINIMUM_VERSION: Final = "minimum_version"
"""The fact that says which schema a process must be made for at least, to claim, condemn or forget anything."""

STORAGE: Final = "storage"
"""The fact that says where the objects are."""

LEFT_STORAGES: Final = "left_storages"
"""The fact that says where they were before a move, a JSON array: what is there belongs to the instance no more."""

REBUILDING: Final = "rebuilding"
"""The fact of a database that is being rebuilt from the storage, and knows only some of the sealed days meanwhile."""

ARRIVED: Final = "arrived"
"""The fact of a database that a move has made: the id of that move."""


_OF_VERSION: Final = select(table.c.value).where(table.c.name == MINIMUM_VERSION)
_NEEDED: Final = Prepared(_OF_VERSION)
_NEEDED_LOCKED: Final = Prepared(_OF_VERSION.with_for_update(read=True))


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

    def replace(self, name: str, value: str) -> None:
        """Set the fact to another value, for those few that are not settled for good."""
        upsert(self._connection, table, [{"name": name, "value": value}])

    def drop(self, name: str) -> None:
        """Drop the fact; one that is not set is ignored."""
        self._connection.execute(delete(table).where(table.c.name == name))

    def left_storages(self) -> list[str]:
        """Return the places of storages that the instance has moved away from, so that it uses none of them again."""
        return list(json.loads(self.find(LEFT_STORAGES) or "[]"))

    def check_version(self, *, is_locked: bool = True) -> None:
        """Raise Outdated if the database has been upgraded and this process would now do harm.

        With `is_locked`, no upgrade is committed before this transaction ends; a snapshot cannot have that.
        """
        found = (_NEEDED_LOCKED if is_locked else _NEEDED).row(self._connection)
        if found is not None and found.value > SCHEMA:
            raise Outdated(made_for=SCHEMA, needed=found.value)
