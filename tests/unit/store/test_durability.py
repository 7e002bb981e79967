"""Commits that wait for the disk, and those that need not, since their rows count only by a later one."""

from __future__ import annotations

import pytest

from dayfile.errors import NotFound
from dayfile.model.account import AccountSid
from dayfile.store.database import Database
from dayfile.store.transaction import Transaction
from tests.support.state import a_sid

FULL = 2
NOBODY = AccountSid(a_sid("AC", "nobody"))


@pytest.mark.parametrize("durable", [True, False])
def test_a_commit_waits_for_the_disk_unless_it_is_said_not_to(database: Database, durable: bool) -> None:
    """One that does not leaves nothing behind: the next on its connection is answered, and must not be lost."""
    with database.transaction(durable=durable) as tx:
        assert _waits(tx, database) is durable
    assert database.run(lambda tx: _waits(tx, database), durable=durable) is durable
    assert database.run(lambda tx: _waits(tx, database))


def test_a_commit_after_one_that_failed_waits_again(database: Database) -> None:
    """The connection of a transaction that was rolled back goes on to others."""
    with pytest.raises(NotFound), database.transaction(durable=False) as tx:
        tx.accounts.get(NOBODY)
    with database.transaction() as tx:
        assert _waits(tx, database)


def _waits(tx: Transaction, database: Database) -> bool:
    if database.file is not None:
        return bool(tx._connection.exec_driver_sql("PRAGMA synchronous").scalar() == FULL)
    # The server of the tests does not wait either way; it says whether somebody told it not to.
    query = "SELECT source FROM pg_settings WHERE name = 'synchronous_commit'"
    return bool(tx._connection.exec_driver_sql(query).scalar() != "session")
