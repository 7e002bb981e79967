"""The operator's view of one account's jobs and days, on the instance and without the customer's credentials."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from dayfile.accounts.administer import NewAccount
from dayfile.cli.exit_codes import Outcome
from dayfile.model.job import Job
from dayfile.model.resource import CALLS, MESSAGES
from dayfile.overrides import Overrides
from dayfile.service import Service
from dayfile.settings import Settings
from dayfile.store.tables.exports import job_day
from tests.support.clock import NOON, FakeClock
from tests.support.recorded_log import recorded_log
from tests.support.server import serving
from tests.support.state import a_job_request

NOBODY = "AC" + "0" * 32


@pytest.fixture
def service(data_folder: Path) -> Iterator[Service]:
    """An instance whose clock stands still."""
    with Service.open(Settings.read(data_dir=data_folder), Overrides(clock=FakeClock(NOON))) as opened:
        yield opened


@pytest.fixture
def made(service: Service) -> NewAccount:
    """An account that may soon have asked for something."""
    return service.administration.create_account(friendly_name="Acme")


@pytest.fixture
def job(service: Service, made: NewAccount, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A job of the account over days of Messages, beside one over days of Calls, both still in the queue."""
    # Commands that a test runs look at the same clock, or what the service has published would be long expired.
    monkeypatch.setattr("dayfile.service.Overrides", lambda: service.overrides)
    service.custom_jobs.submit(a_job_request(made.account, "2026-11-02", "2026-11-02", resource_type=CALLS))
    return service.custom_jobs.submit(a_job_request(made.account, "2026-11-01", "2026-11-03", resource_type=MESSAGES))


def test_the_operator_sees_what_the_customer_sees(run: Any, service: Service, made: NewAccount, job: Job) -> None:
    """An operator who answers a customer's call sees the same, and needs nothing but the sid."""
    while service.worker.jobs_tick():
        pass
    other = service.administration.create_account(friendly_name="Other").account.sid
    asked = [
        ("jobs", "list", "Messages"),
        ("jobs", "show", job.sid),
        ("days", "list", "Messages"),
        ("days", "show", "Messages", "2026-11-02"),
        ("jobs", "list"),
        ("days", "list"),
        ("configuration", "show", "Messages"),
    ]
    account = made.account.sid
    with recorded_log(), serving(lambda _: service.api()) as url:
        login = {"DAYFILE_URL": url, "DAYFILE_ACCOUNT_SID": account, "DAYFILE_AUTH_TOKEN": made.auth_token}
        for words in asked:
            by_customer = run(*words, "--json", **login)
            by_operator = run(*words, "--json", "--account", account)
            assert (by_customer.exit_code, by_operator.exit_code) == (Outcome.DONE, Outcome.DONE), by_operator.stderr
            seen = json.loads(by_operator.stdout)
            assert without_own(seen) == without_own(json.loads(by_customer.stdout)) != []
    for words in (asked[0], asked[2]):
        assert json.loads(run(*words, "--json", "--account", other).stdout) == []
    for words in (asked[1], asked[3]):
        assert run(*words, "--account", other).exit_code == Outcome.NOT_FOUND
    listed = [line.split()[:3] for line in run("jobs", "list", "--account", account).stdout.splitlines()]
    assert [job.sid, "Messages", "2026-11-01..2026-11-03"] in listed, "one of several types says which"
    shown = run("days", "show", "Messages", "2026-11-02", "--account", account).stdout
    assert "SHA-256" in shown


def without_own(body: Any) -> Any:
    """A body without what only the operator is told, and without its address, which goes by the settings."""
    if isinstance(body, list):
        return [without_own(one) for one in body]
    return {name: value for name, value in body.items() if name not in {"url", "errors"}}


def test_a_day_that_cannot_be_exported_says_why(run: Any, service: Service, made: NewAccount, job: Job) -> None:
    """The reason of a failure is kept for the operator, who is told to look at the job."""
    failed = update(job_day).where(job_day.c.job_sid == job.sid, job_day.c.day == job.days.first)
    with service.database.exclusively() as connection:
        connection.execute(failed.values(status="ErrorDuringRun", attempt=3, error="no space left on the disk"))
    show = ("jobs", "show", job.sid, "--account", made.account.sid)
    assert json.loads(run(*show, "--json").stdout)["errors"] == [
        {"day": "2026-11-01", "attempts": 3, "error": "no space left on the disk"}
    ]
    assert "no space left on the disk" in run(*show).stdout


def test_an_account_that_is_not_there_is_not_found(run: Any, job: Job) -> None:
    """Not an empty list, which would say that the customer asked for nothing."""
    for words in (("jobs", "list", "Messages"), ("days", "list"), ("jobs", "show", job.sid)):
        refused = run(*words, "--account", NOBODY)
        assert (refused.exit_code, NOBODY in refused.stderr) == (Outcome.NOT_FOUND, True)
