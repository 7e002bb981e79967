"""A real database for every test of the store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dayfile.store.database import Database
from tests.support.state import a_database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A new SQLite database, closed at the end."""
    database = a_database(tmp_path)
    yield database
    database.close()
