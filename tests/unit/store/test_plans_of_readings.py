"""Plans that PostgreSQL makes for readings of an event loop: made once, by indexes, whatever it knows of the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any, Final

import pytest
from sqlalchemy import Connection

from dayfile.model.account import AccountSid
from dayfile.model.day import Day
from dayfile.model.job import JobSid
from dayfile.model.notice import EventSid
from dayfile.model.resource import MESSAGES
from dayfile.store.connections import connect_to_read
from dayfile.store.database import Database
from dayfile.store.transaction import Transaction
from tests.support.postgres import a_postgres_database
from tests.support.record_lines import NOW
from tests.support.state import a_sid

_ACME: Final = AccountSid(a_sid("AC", "acme"))
_SID: Final = EventSid(a_sid("EV", "told"))
_DAY: Final = Day.parse("2026-11-01")
_WEEK_AGO: Final = NOW - timedelta(days=7)
_JOBS: Final[dict[str, Any]] = {"limit": 11, "over_since": _WEEK_AGO}
_DAYS: Final[dict[str, Any]] = {"limit": 11, "now": NOW}

READINGS: dict[str, Callable[[Transaction], object]] = {
    "days": lambda tx: tx.day_files.page(_ACME, MESSAGES, **_DAYS),
    "days after one": lambda tx: tx.day_files.page(_ACME, MESSAGES, after=(3, _DAY), **_DAYS),
    "days before one": lambda tx: tx.day_files.page(_ACME, MESSAGES, before=(3, _DAY), **_DAYS),
    "a day": lambda tx: tx.day_files.find(_ACME, MESSAGES, _DAY, now=NOW),
    "jobs": lambda tx: tx.listed_jobs.page(_ACME, MESSAGES, **_JOBS),
    "jobs before one": lambda tx: tx.listed_jobs.page(_ACME, MESSAGES, before=3, **_JOBS),
    "jobs after one": lambda tx: tx.listed_jobs.page(_ACME, MESSAGES, after=3, **_JOBS),
    "a job": lambda tx: tx.listed_jobs.find(_ACME, JobSid("JS" + "0" * 32), over_since=_WEEK_AGO),
    "the queue": lambda tx: tx.jobs.queue(first=1, last=2),
    "notices": lambda tx: tx.notices.page(account=_ACME, limit=11),
    "notices before one": lambda tx: tx.notices.page(account=_ACME, before=3, limit=11),
    "notices after one": lambda tx: tx.notices.page(account=_ACME, after=3, limit=11),
    "a notice": lambda tx: tx.notices.find(_SID, account=_ACME),
    "attempts": lambda tx: tx.notices.attempts(_SID),
    "a login": lambda tx: tx.logins.find(_ACME),
    "the queue's pace": lambda tx: tx.jobs.worked(since=_WEEK_AGO, limit=100),
}
_TIMES: Final = 7
"""Executions after which PostgreSQL has chosen how a statement is planned: it tries values five times."""

_ROWS: Final = f"""
    INSERT INTO job (sid, account, resource_type, start_day, end_day, friendly_name, submit_number, submitted_at)
    SELECT 'JS' || lpad(number::text, 32, '0'), CASE WHEN number < 1000 THEN '{_ACME}' ELSE 'AC' || number END,
           'Messages', '{_DAY}', '{_DAY}', '', number, 0
    FROM generate_series(1, 2000) number;
    INSERT INTO job_day (job_sid, day, status, attempt, not_before)
    SELECT sid, '{_DAY}', 'Submitted', 0, 0 FROM job;
    INSERT INTO day_file (account, resource_type, day, friendly_name, created_at, generation, expires_at)
    SELECT account, 'Messages', (date '2020-01-01' + submit_number::int)::text, '', 0, submit_number, 9e15 FROM job;
"""  # noqa: S608 - there is nothing but constants
"""Rows of one account with many jobs and days, among many that have one each: the average is no help."""

_KNOWN: Final = {"nothing": "", "rows": _ROWS, "rows and what they are like": _ROWS + "ANALYZE"}


@pytest.fixture(params=_KNOWN)
def session(request: pytest.FixtureRequest) -> Iterator[Connection]:
    """A connection as readings have it, to a database whose tables the server knows more or less about."""
    with closing(a_postgres_database()) as database:
        _fill(database, _KNOWN[request.param])
        connection = connect_to_read(database.engine)
        yield connection
        connection.invalidate()
        connection.close()


def _fill(database: Database, statements: str) -> None:
    with database.exclusively() as connection:
        for statement in filter(str.strip, statements.split(";")):
            connection.exec_driver_sql(statement)


@pytest.mark.parametrize("reading", READINGS)
def test_a_reading_is_planned_once_and_finds_its_rows_by_indexes(session: Connection, reading: str) -> None:
    """To plan a list of days took five times as long as to read it; to sort takes as long as the account is old."""
    for _ in range(_TIMES):
        READINGS[reading](Transaction(session))
    for name, plans, parameters in _prepared(session):
        assert plans == 0, "it was planned with its values"
        given = f"({', '.join(['NULL'] * parameters)})" if parameters else ""
        plan = session.exec_driver_sql(f"EXPLAIN EXECUTE {name}{given}").scalars().all()
        assert [step for step in plan if _is_bad(step)] == [], "\n".join(plan)


def _is_bad(step: str) -> bool:
    """Return True for a step of a plan that sorts, or reads rows of a list only to skip those before the page."""
    return (
        "Sort" in step or "Seq Scan" in step or ("Filter" in step and ("generation" in step or "submit_number" in step))
    )


def _prepared(session: Connection) -> list[tuple[str, int, int]]:
    """Return the names of prepared statements, how often they were planned anew, and their numbers of parameters."""
    found = session.exec_driver_sql(
        "SELECT name, custom_plans, coalesce(array_length(parameter_types, 1), 0) FROM pg_prepared_statements"
    )
    return [(str(name), int(plans), int(parameters)) for name, plans, parameters in found]
