"""Fixtures for tests of intake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dayfile.intake.pipeline import Intake
from dayfile.model.account import Account
from tests.support.intake import Place
from tests.support.state import an_account


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A new instance."""
    place = Place(tmp_path)
    yield place
    place.database.close()


@pytest.fixture
def acme(place: Place) -> Account:
    """An account of it."""
    return an_account(place.database, "acme")


@pytest.fixture
def intake(place: Place) -> Iterator[Intake]:
    """One process that takes records in."""
    with place.process() as intake:
        yield intake
