"""A real database for every test of the store: SQLite, and PostgreSQL beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dayfile.store.database import Database
from tests.support.postgres import a_postgres_database
from tests.support.state import a_database


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A new database, closed at the end."""
    database = a_database(tmp_path) if request.param == "sqlite" else a_postgres_database()
    yield database
    database.close()
