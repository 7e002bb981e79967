"""Pages of the console and the database: each page is of one moment, and keeps no connection while it is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
from sqlalchemy import Connection, event

from dayfile.store.kept_connections import KeptConnections
from tests.support.customer_console import LATE_DAY, Customer, CustomerConsole

CUSTOMER = (
    *("/console", "/console/files", f"/console/files/Messages/{LATE_DAY}", "/console/jobs", "/console/jobs/new"),
    *("/console/jobs/{job}", "/console/jobs/new?again={job}", "/console/daily/Messages", "/console/notices"),
    "/console/notices/{notice}",
)
OPERATOR = (
    *("/operator/accounts", "/operator/accounts?find={sid}", "/operator/accounts/{sid}", "/operator/keys"),
    *("/operator/damage", "/operator/instance", "/operator/audit"),
)


@contextmanager
def begun(console: CustomerConsole) -> Iterator[list[None]]:
    """A list that grows with each transaction that begins."""
    engine, found, begin = console.face.database.engine, list[None](), KeptConnections.begin

    def note(connection: Any) -> None:
        if not connection.connection.dbapi_connection.in_transaction:
            found.append(None)

    def begin_noted(connections: KeptConnections) -> Connection:
        found.append(None)
        return begin(connections)

    event.listen(engine, "begin", note, insert=True)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(KeptConnections, "begin", begin_noted)
            yield found
    finally:
        event.remove(engine, "begin", note)


@pytest.mark.parametrize("path", CUSTOMER)
def test_a_page_of_a_customer_is_read_at_one_moment(
    console: CustomerConsole, acme: Customer, browser: httpx2.Client, path: str
) -> None:
    """Else a page could show a job as it was, beside a quota as it is, to a session that has just ended."""
    with begun(console) as transactions:
        answer = browser.get(path.format(job=acme.waiting_job, notice=acme.notice))
    assert (answer.status_code, len(transactions)) == (200, 1)


@pytest.mark.parametrize("path", OPERATOR)
def test_a_page_of_the_operator_is_read_at_one_moment(console: CustomerConsole, acme: Customer, path: str) -> None:
    """The same for what operators decide by."""
    with console.browser() as browser:
        username, password = console.operator
        form = {"username": username, "password": password}
        assert browser.post("/console/sign-in", data=form).status_code == 303
        with begun(console) as transactions:
            answer = browser.get(path.format(sid=acme.sid))
    assert (answer.status_code, len(transactions)) == (200, 1)


def test_who_has_no_session_costs_no_transaction(console: CustomerConsole) -> None:
    """Strangers are led to the sign-in, also while the database is away."""
    with console.browser() as browser, begun(console) as transactions:
        assert {browser.get(path).status_code for path in ("/console", "/console/files", "/operator/audit")} == {303}
    assert transactions == []
