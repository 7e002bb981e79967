"""Fixtures for tests of accounts: a real database, SQLite and PostgreSQL, and a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dayfile.accounts.administer import Administration
from dayfile.accounts.authenticate import Authenticator
from dayfile.model.secret import InstanceKey
from dayfile.store.database import Database
from tests.support.clock import FakeClock
from tests.support.postgres import a_postgres_database
from tests.support.randomness import SeededRandomness
from tests.support.state import a_database

KEY = InstanceKey(b"k" * 32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """The place where accounts are made, and their credentials are shown."""

    database: Database
    clock: FakeClock
    administration: Administration
    authenticator: Authenticator


@pytest.fixture(params=["sqlite", "postgresql"])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    """A new instance."""
    database = a_database(tmp_path) if request.param == "sqlite" else a_postgres_database()
    clock = FakeClock()
    yield Office(
        database=database,
        clock=clock,
        administration=Administration(database, key=KEY, randomness=SeededRandomness(), clock=clock),
        authenticator=Authenticator(database, key=KEY, clock=clock),
    )
    database.close()
