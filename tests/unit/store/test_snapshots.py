"""Snapshots: they see one moment, change nothing, and leave nothing behind on their connection."""

from __future__ import annotations

from contextlib import closing

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from dayfile.errors import DatabaseUnavailable, DatabaseUnwritable, NotFound
from dayfile.model.account import AccountSid
from dayfile.store.database import Database
from dayfile.store.transaction import Transaction
from tests.support.postgres import a_postgres_database
from tests.support.state import a_sid, an_account


def _counted(tx: Transaction) -> int:
    """The accounts as a statement of SQLAlchemy's own finds them; most others are prepared."""
    count: int = tx._connection.execute(text("SELECT count(*) FROM account")).scalar_one()
    return count


def test_all_statements_see_the_moment_at_which_it_began(database: Database) -> None:
    """Rows of two moments contradict one another, whichever way they are asked for."""
    an_account(database, "before")
    with database.snapshot() as tx:
        first = (_counted(tx), tx.accounts.count())
        an_account(database, "meanwhile")
        assert (_counted(tx), tx.accounts.count()) == first == (1, 1)
    with database.snapshot() as tx:
        assert (tx.accounts.count(), _counted(tx)) == (2, 2)


def test_nothing_of_one_is_left_on_its_connection(database: Database) -> None:
    """Neither its moment nor that it only reads, whether it ended well or not."""
    for number in range(3):
        with database.snapshot() as tx:
            assert _counted(tx) == number
        with pytest.raises(NotFound), database.snapshot() as tx:
            tx.accounts.get(AccountSid(a_sid("AC", "nobody")))
        with pytest.raises((DBAPIError, DatabaseUnavailable)), database.snapshot() as tx:
            tx._connection.execute(text("SELECT no_column FROM account"))
        an_account(database, f"a{number}")


def test_postgresql_lets_nobody_write_in_one() -> None:
    """A reader takes no locks, and may be asked again."""
    with closing(a_postgres_database()) as database:
        for _ in range(2):
            with pytest.raises(DatabaseUnwritable), database.snapshot() as tx:
                tx.instance.settle("name", "value")
