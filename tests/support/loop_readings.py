"""Readings for tests of event loops that do them themselves, on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from sqlalchemy import Integer, bindparam, literal_column, select

from dayfile.model.account import AccountSid
from dayfile.store.database import Database
from dayfile.store.prepared import Prepared
from tests.support.state import a_sid

T = TypeVar("T")

_QUOTIENT = Prepared(select((literal_column("1000", Integer) // bindparam("by", type_=Integer)).label("quotient")))


def sid_of(name: str) -> AccountSid:
    """Return the sid of an account by the name that tests call it by."""
    return AccountSid(a_sid("AC", name))


def is_there(database: Database, name: str) -> Callable[[], bool]:
    """Return a reading of one statement."""

    def read() -> bool:
        with database.snapshot() as tx:
            return tx.logins.find(sid_of(name)) is not None

    return read


def quotient(database: Database, by: int) -> Callable[[], float]:
    """Return a reading of one statement that reads no table: 1,000 by a number, which may be zero."""

    def read() -> float:
        with database.snapshot() as tx:
            return float(_QUOTIENT.rows(tx._connection, by=by)[0].quotient)

    return read


async def until_connected(database: Database) -> None:
    """Return once there is a connection for readings, which a thread makes."""
    while await database.read_in_loop(is_there(database, "nobody")) is None:
        await asyncio.to_thread(is_there(database, "nobody"))


async def until_sent_to_a_thread(database: Database) -> None:
    """Return once readings are sent to a thread: the news of a connection may take its time."""
    while await database.read_in_loop(is_there(database, "nobody")) is not None:
        pass


def run_connected(database: Database, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Return what is returned in an event loop that has a connection for readings."""

    async def main() -> T:
        await until_connected(database)
        return await ask()

    return asyncio.run(main())
