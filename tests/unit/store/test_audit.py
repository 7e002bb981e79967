from __future__ import annotations

from datetime import timedelta

import pytest

from dayfile.model.credential import Actor
from dayfile.store.audit import Deed
from dayfile.store.database import Database
from tests.support.clock import NOON
from tests.support.state import a_sid

ACME, OTHER, KEY = a_sid("AC", "acme"), a_sid("AC", "other"), a_sid("SK", "key")

DEEDS = [
    ("operator", "account.created", ACME),
    ("operator", "account.created", OTHER),
    (ACME, "link.given", f"{ACME}/Messages/2026-11-01/revision-1"),
    (KEY, "link.given", f"{ACME}/Calls/2026-11-01/empty"),
    (OTHER, "link.given", f"{OTHER}/Messages/2026-11-01/revision-1"),
]

ADDRESSES = {ACME: "203.0.113.9", OTHER: "2001:db8::9"}
"""The addresses of requests; the operator and the key did it on the instance."""


@pytest.fixture
def log(database: Database) -> Database:
    """A database in which these were done, a second apart."""
    with database.transaction() as tx:
        for second, (name, action, subject) in enumerate(DEEDS):
            actor = Actor(name=name, address=ADDRESSES.get(name))
            tx.audit.add(actor=actor, action=action, subject=subject, now=NOON + timedelta(seconds=second))
    return database


def test_what_was_done_last_is_read_first_page_by_page(log: Database) -> None:
    """Walking it sees every line once, with everything that was noted."""
    walked = []
    before = None
    with log.snapshot() as tx:
        while page := tx.audit.newest(before=before, limit=2):
            walked += page
            before = page[-1].number
    assert [(line.deed.actor, line.deed.action, line.deed.subject) for line in walked] == DEEDS[::-1]
    assert [line.deed.address for line in walked] == [ADDRESSES.get(actor) for actor, _, _ in DEEDS[::-1]]
    assert [line.deed.at for line in walked] == [NOON + timedelta(seconds=second) for second in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"actor": "operator"}, [1, 0]),
        ({"actor": KEY}, [3]),
        ({"subject": ACME}, [3, 2, 0]),
        ({"subject": f"{ACME}/Messages"}, [2]),
        ({"subject": f"{ACME}/Mess"}, []),
        ({"subject": ACME.upper()}, []),
        ({"subject": "%"}, []),
        ({"subject": ACME, "actor": "operator"}, [0]),
    ],
)
def test_the_log_is_asked_for_one_actor_or_one_subject(
    log: Database, filters: dict[str, str], found: list[int]
) -> None:
    """The log is kept to say who took this customer's files: an account covers what is below it."""
    with log.snapshot() as tx:
        lines = tx.audit.newest(limit=10, **filters)  # type: ignore[arg-type]
    assert [DEEDS.index((line.deed.actor, line.deed.action, line.deed.subject)) for line in lines] == found


def test_any_number_of_deeds_is_written_in_order(database: Database) -> None:
    """More than fit in one statement."""
    deeds = [Deed(at=NOON, actor="operator", action="tried", subject=f"{n}") for n in range(1200)]
    with database.transaction() as tx:
        tx.audit.add_all(deeds)
    with database.snapshot() as tx:
        assert [line.deed for line in tx.audit.newest(limit=2000)] == deeds[::-1]
