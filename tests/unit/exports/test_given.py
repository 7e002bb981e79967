from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dayfile.errors import DatabaseUnavailable
from dayfile.exports.given import GivenLinks
from dayfile.model.account import AccountSid
from dayfile.model.credential import Actor
from dayfile.model.day import Day
from dayfile.model.export import DayFile
from dayfile.store.database import Database
from tests.support.clock import NOON
from tests.support.day_file import a_day_file
from tests.support.held import HeldDatabase
from tests.support.state import a_database, a_sid

ACME = AccountSid(a_sid("AC", "acme"))
FIRST = Day.parse("2026-10-01")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A new database."""
    database = a_database(tmp_path)
    yield database
    database.close()


def _day_file(number: int) -> DayFile:
    return a_day_file(ACME, FIRST + number)


def _recorded(database: Database) -> list[str]:
    with database.snapshot() as tx:
        return sorted(line.deed.subject for line in tx.audit.newest(limit=1000))


def _subjects(*numbers: int) -> list[str]:
    return [f"{ACME}/Messages/{FIRST + number}/empty" for number in numbers]


def test_links_that_are_asked_for_during_a_commit_share_the_next(database: Database) -> None:
    """A disk does a few hundred commits a second, and a customer with 366 days asks for as many links at once."""
    first_commits = threading.Event()

    def hold(number: int) -> None:
        if number == 1:
            first_commits.set()
            while given.unfinished < 6:
                pass

    held = HeldDatabase.of(database, hold)
    given = GivenLinks(held)
    with ThreadPoolExecutor(6) as pool:
        one = pool.submit(given.record, _day_file(0), actor=Actor(name=ACME), now=NOON)
        assert first_commits.wait(60)
        others = [pool.submit(given.record, _day_file(n), actor=Actor(name=ACME), now=NOON) for n in range(1, 6)]
        for future in [one, *others]:
            future.result()
    assert held.commits == 2
    assert _recorded(database) == _subjects(0, 1, 2, 3, 4, 5)


def test_a_commit_that_fails_gives_no_link_and_the_next_one_does(database: Database) -> None:
    """A link that nobody wrote down is one that nobody can be told of."""

    def fail(number: int) -> None:
        if number == 1:
            raise DatabaseUnavailable("the disk is full")

    given = GivenLinks(HeldDatabase.of(database, fail))
    with pytest.raises(DatabaseUnavailable, match="full"):
        given.record(_day_file(0), actor=Actor(name=ACME), now=NOON)
    assert _recorded(database) == []
    given.record(_day_file(1), actor=Actor(name=ACME), now=NOON)
    assert _recorded(database) == _subjects(1)


def test_many_threads_are_each_written_down_once(database: Database) -> None:
    """Whichever of them commits for the others."""
    given = GivenLinks(database)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: given.record(_day_file(n), actor=Actor(name=ACME), now=NOON), range(200)))
    assert _recorded(database) == sorted(_subjects(*range(200)))
