"""A process that is older than the schema of its database: it does no harm, and is told why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from dayfile.errors import Outdated
from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.lane import LaneHealth
from dayfile.model.resource import MESSAGES
from dayfile.store import instance, schema
from dayfile.store.database import Database
from dayfile.store.lanes import Eligible
from dayfile.store.transaction import Transaction
from tests.support.clock import NOON
from tests.support.postgres import a_postgres_database
from tests.support.state import a_database, a_sid, an_account

DAY = Day.parse("2026-11-01")
LATER = NOON + timedelta(minutes=1)
ANYBODY = Eligible(health=LaneHealth.NEW, not_accounts=(), not_hosts=())


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A new database."""
    database = a_database(tmp_path) if request.param == "sqlite" else a_postgres_database()
    yield database
    database.close()


# What the version before packs sends first, in each of its steps that claim, condemn, forget or judge an object.
BEFORE_PACKS = {
    "seal, compact": "INSERT INTO upload (prefix, mark, state, changed_at) VALUES ('a', '', 'pending', 0)",
    "sweep": "SELECT upload.prefix, upload.mark FROM upload WHERE upload.state IN ('garbage', 'swept')",
    "forget a revision": "SELECT sealed_day.id, sealed_day.object_key FROM sealed_day WHERE superseded_by > 0",
    "read a file, scrub": "SELECT sealed_day.id, sealed_day.object_key, sealed_day.sha256 FROM sealed_day",
    "claim days of a job": "INSERT INTO counter (name, value) VALUES ('claim', 0) ON CONFLICT DO NOTHING",
    "claim a lane": "INSERT INTO counter (name, value) VALUES ('turn', 0) ON CONFLICT DO NOTHING",
    "say that it runs": "INSERT INTO worker (name, version, started_at, seen_at) VALUES ('w', '1', 0, 0)",
}


@pytest.mark.parametrize("step", BEFORE_PACKS)
def test_a_process_from_before_packs_gets_errors_in_the_place_of_wrong_answers(database: Database, step: str) -> None:
    """It would take every packed file for damaged, and condemn names in the place of packs."""
    with pytest.raises(DBAPIError) as refused, database.engine.begin() as connection:
        connection.exec_driver_sql(BEFORE_PACKS[step])
    if step.startswith(("claim", "say")):
        assert "this Dayfile is older than its state database: stop it" in str(refused.value)


GUARDED: dict[str, Callable[[Transaction], object]] = {
    "claim a day": lambda tx: tx.seals.claim(
        MESSAGES, DAY, worker="w", upload_id=1, mark="m", leased_until=LATER, now=NOON
    ),
    "claim days of a job": lambda tx: tx.job_days.claim(worker="w", leased_until=LATER, limit=1, now=NOON),
    "claim a lane": lambda tx: tx.lanes.claim(the_account(), ANYBODY, worker="w", leased_until=LATER, now=NOON),
    "claim the scrub": lambda tx: tx.read_objects.claim("w", now=NOON, lease=timedelta(minutes=1)),
    "claim a pack": lambda tx: tx.packs.next_to_rewrite(until=LATER, now=NOON),
    "condemn": lambda tx: tx.uploads.condemn(["a"], now=NOON, delete_after=NOON),
    "discard": lambda tx: tx.uploads.discard(["a"], now=NOON, delete_after=NOON),
    "condemn what is stale": lambda tx: tx.uploads.condemn_stale(before=NOON, now=NOON),
    "sweep": lambda tx: tx.uploads.due(now=NOON, limit=1),
    "forget": lambda tx: tx.sealed_days.forget([]),
}


def the_account() -> AccountSid:
    """The sid of an account."""
    return AccountSid(a_sid("AC", "acme"))


@pytest.mark.parametrize("deed", GUARDED)
def test_a_process_that_was_overtaken_by_an_upgrade_claims_and_condemns_nothing(database: Database, deed: str) -> None:
    """From now on every such transaction asks what the database needs; the message says what to do."""
    an_account(database)
    with database.transaction() as tx:
        GUARDED[deed](tx)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE instance SET value = '9999' WHERE name = 'minimum_version'")
    with pytest.raises(Outdated, match="stop it, and start the version"), database.transaction() as tx:
        GUARDED[deed](tx)


def test_the_schema_of_the_code_is_that_of_its_last_migration() -> None:
    """Else it would refuse to work on its own database, or not be stopped by a newer one."""
    assert schema.newest() == instance.SCHEMA


def _upgraded(connection: Connection, version: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(schema._MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, version)


PLACE = {"resource_type": "Messages", "day": str(DAY)}
SEAL_TIMES = {"leased_until": 0, "started_at": 0, "committed_at": 0}
MANIFEST = {
    "revision": 1,
    "records": 1,
    "size_bytes": 100,
    "plain_bytes": 400,
    "sha256": "a",
    "plain_sha256": "b",
    "encoder": "e",
    "first_created_at": 0,
    "last_created_at": 0,
    "sealed_at": 0,
}
COUNTERS = {"claim": 41, "turn": 42}


def _insert(connection: Connection, table: str, **values: object) -> None:
    places = ", ".join("?" * len(values))
    statement = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})"  # noqa: S608 - names of this test
    connection.exec_driver_sql(statement, tuple(values.values()))


def test_files_from_before_packs_stay_what_they_are(tmp_path: Path) -> None:
    """Their names are the keys of their objects, and the ledger has its entries."""
    database = Database.connect(f"sqlite:///{tmp_path / 'dayfile.sqlite'}")
    account, key = the_account(), f"sealed/type=Messages/day={DAY}/account={the_account()}/revision-1-m.json.gz"
    with database.exclusively() as connection:
        _upgraded(connection, "0013")
        _insert(connection, "upload", id=7, prefix="sealed/", mark="m", state="live", changed_at=0)
        _insert(connection, "seal", id=1, state="committed", worker="w", upload_id=7, **PLACE, **SEAL_TIMES)
        _insert(connection, "sealed_day", id=3, seal_id=1, account=account, object_key=key, **PLACE, **MANIFEST)
        for name, value in COUNTERS.items():
            _insert(connection, "counter", name=name, value=value)
    schema.migrate(database)
    with database.snapshot() as tx:
        [sealed] = tx.sealed_days.after(0, limit=9)
        assert (sealed.id, sealed.key, sealed.place.object_key, sealed.place.is_packed) == (3, key, key, False)
        upload = tx.uploads.find("sealed/")
        assert upload is not None
        assert (upload.id, upload.state) == (7, "live")
    with database.engine.begin() as connection:
        counters = connection.exec_driver_sql("SELECT name, value FROM counter ORDER BY value").all()
    assert [tuple(row) for row in counters] == [("job claim", 41), ("lane turn", 42)]
    database.close()
