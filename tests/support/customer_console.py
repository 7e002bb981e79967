"""The console as customers see it: a served instance with made-up records of two months, and browsers that sign in."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx2
from starlette.types import ASGIApp

from dayfile.api.app import create_app
from dayfile.console.customer import customer_pages
from dayfile.console.operator import operator_pages
from dayfile.console.page import console_page
from dayfile.demo.traffic import Traffic
from dayfile.model.account import AccountSid
from dayfile.model.credential import Actor, KeyKind, Permission, Scope
from dayfile.model.day import Day, DayRange
from dayfile.model.export import ConfigurationChange
from dayfile.model.job import Event
from dayfile.model.notice import Outcome, Result
from dayfile.model.resource import CALLS, MESSAGES, ResourceType
from dayfile.store.audit import AuditLine
from tests.support.console_server import BROWSER
from tests.support.face import NO_DELAYS, Face, Login
from tests.support.lanes import claimed, concluded
from tests.support.recorded_log import recorded_log
from tests.support.server import serving

TRICKY = """<img src=x onerror="alert(1)"> & "Q4" '; </script><script>alert(2)</script>"""
"""A name that a customer may choose, and an answer that a receiver may give."""

DAYS = DayRange(first=Day(date(2026, 10, 1)), last=Day(date(2026, 11, 21)))
"""The days with records; one in the middle has none."""

EMPTY_DAY = "2026-10-27"
"""The day without records, which is exported."""

LATE_DAY = "2026-11-10"
"""A day with records that came in after it was exported."""

NEW_DAY = "2026-11-21"
"""A day that is sealed, and not exported."""


@dataclass(frozen=True, kw_only=True)
class Customer:
    """An account with something of everything."""

    login: Login
    job: str  # the sid of a job that is over
    waiting_job: str
    failed_job: str
    notice: str  # the sid of a notice that waits for its next attempt

    @property
    def sid(self) -> AccountSid:
        return self.login.sid


FEW_DAYS = DayRange(first=Day(date(2026, 11, 9)), last=Day(date(2026, 11, 12)))
"""Days for an account that need not look as one of years."""


class CustomerConsole:
    """A running server without a worker; the test does what a worker would do."""

    def __init__(self, folder: Path, *, url: str, **settings: Any) -> None:
        self.url = url
        self.face = Face(folder, url=url, **settings)
        new = self.face.service.administration.create_key(account=None, scopes=[Scope.INTAKE, Scope.ACCOUNTS])
        self.operator = (new.key.sid, new.secret)

    def app(self) -> ASGIApp:
        """The app with all pages."""
        context = replace(self.face.service.context, public_url=self.url)
        pages = [*console_page(context), *customer_pages(context), *operator_pages(context)]
        return create_app(context, pages=pages, delay_rule=NO_DELAYS)

    def account(self, name: str = "") -> Login:
        """A new account with nothing."""
        new = self.face.administration.create_account(friendly_name=name)
        return Login(sid=new.account.sid, username=new.account.sid, password=new.auth_token)

    def restricted(self, account: Login, *permissions: Permission) -> Login:
        """A key of an account that may do only this."""
        new = self.face.administration.create_key(account=account.sid, kind=KeyKind.RESTRICTED, permissions=permissions)
        return Login(sid=account.sid, username=new.key.sid, password=new.secret)

    def browser(self) -> httpx2.Client:
        """A client that keeps cookies and asks as a browser does; it follows nothing by itself."""
        return httpx2.Client(base_url=self.url, headers=BROWSER, trust_env=False)

    @contextmanager
    def signed_in(self, login: Login) -> Iterator[httpx2.Client]:
        """Such a client with a session."""
        with self.browser() as browser:
            assert sign_in(browser, *login.basic).status_code == 303
            yield browser

    def customer(self, name: str = "Acme", *, days: DayRange = DAYS) -> Customer:
        """An account with records of these days, files, jobs and notices."""
        login = self.account(name)
        self._records(login, days)
        self.face.publish(login, "2026-10-05", "2026-11-18", name=TRICKY)
        self.face.seal(login, LATE_DAY, _line(login.sid, LATE_DAY))  # records that came in late
        self.face.publish(login, "2026-11-02", "2026-11-06", resource_type=CALLS, name="Calls of the week")
        change = ConfigurationChange(enabled=True, webhook_url="https://hooks.example/day", webhook_method="POST")
        configuring = self.face.service.context.configuring
        configuring.change(login.sid, MESSAGES, change, actor=Actor(name=login.sid))
        with self.signed_in(login) as browser:
            over = self.make_job(browser, "2026-11-01", "2026-11-07", "Week 45")
            self.face.work()
            notice = self._failing_notice(login)
            failed = self.make_job(browser, "2026-10-01", "2026-10-04", "Broken")
            self.fail(failed)
            waiting = self.make_job(browser, "2026-10-01", "2026-11-21", TRICKY)
            self._delay(waiting)
        return Customer(login=login, job=over, waiting_job=waiting, failed_job=failed, notice=notice)

    def seal(self, login: Login, day: str, text: bytes, kind: ResourceType = MESSAGES) -> None:
        """Seal a day of an account."""
        self.face.seal(login, day, text, resource_type=kind)

    def _records(self, login: Login, days: DayRange) -> None:
        """Seal records: messages of all these days, calls of the last ones, and nothing of the other types."""
        texts: dict[tuple[ResourceType, Day], bytes] = {}
        traffic = Traffic(seed="console", accounts=[login.sid], days=DAYS, records=2500)
        newest = {(one.resource_type, one.day, one.key): one.line for one in traffic.on_time()}
        for (kind, day, _), line in newest.items():
            texts[kind, day] = texts.get((kind, day), b"") + line
        since = {MESSAGES: days.first, CALLS: DAYS.last - 20}
        for (kind, day), text in texts.items():
            if kind not in since or day not in days or day < since[kind]:
                continue
            self.face.seal(login, str(day), text, resource_type=kind)

    def make_job(self, browser: httpx2.Client, start: str, end: str, name: str) -> str:
        """Make a job of Messages with the form, and return its sid."""
        page = browser.get("/console/jobs/new")
        fields = {
            "form_token": form_token(page),
            "ResourceType": "Messages",
            "StartDay": start,
            "EndDay": end,
            "FriendlyName": name,
            "WebhookUrl": "https://hooks.example/job",
            "WebhookMethod": "POST",
        }
        made = browser.post("/console/jobs/new", data=fields)
        assert made.status_code == 303, made.text
        return made.headers["location"].rpartition("/")[2]

    def _failing_notice(self, login: Login) -> str:
        turn = claimed(self.face.database, login.sid, now=self.face.clock.now())
        assert turn is not None
        failed = Outcome(
            result=Result.FAILED, status=500, error="it answered 500", answer=TRICKY.encode(), retry_after=None
        )
        concluded(self.face.database, turn, failed, now=self.face.clock.now())
        return turn.notice.sid

    def _delay(self, sid: str) -> None:
        """Have a job wait, whatever else is worked on."""
        claim = self.face.job_queue.claim(worker="test")
        assert claim is not None
        assert claim.job.sid == sid
        self.face.job_queue.hand_back(claim, [one.day for one in claim.days], delay=timedelta(days=300))

    def fail(self, sid: str, *, which: Collection[int] = (0, 1)) -> None:
        """Give up some days of a job that is the next to be worked on, and publish the others."""
        queue, now = self.face.job_queue, self.face.clock.now()
        claim = queue.claim(worker="test")
        assert claim is not None
        assert claim.job.sid == sid
        days = [one.day for one in claim.days]
        failed = [days[number] for number in which]
        with self.face.database.transaction() as tx:
            job = tx.jobs.lock(claim.job.sid)
            tx.job_days.report(claim, dict.fromkeys(failed, Event.GIVE_UP), now=now, error=TRICKY)
            queue.settle(tx, job, now=now)
        self.face.publishing.publish(claim, [day for day in days if day not in failed])


def newest_deed(console: CustomerConsole, account: Login) -> AuditLine:
    """The newest line of the audit log about an account."""
    with console.face.database.snapshot() as tx:
        return tx.audit.newest(subject=account.sid, limit=1)[0]


def form_token(page: httpx2.Response) -> str:
    """The token that the forms of a page carry."""
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', page.text)
    assert found, page.text
    return found[1]


def sign_in(browser: httpx2.Client, username: str, password: str, *, to: str = "", **headers: str) -> httpx2.Response:
    """Send the form."""
    fields: Mapping[str, str] = {"username": username, "password": password, "to": to}
    return browser.post("/console/sign-in", data=dict(fields), headers=headers)


@contextmanager
def console_for_customers(folder: Path, **settings: Any) -> Iterator[CustomerConsole]:
    """Serve a new instance."""
    consoles: list[CustomerConsole] = []

    def make_app(url: str) -> ASGIApp:
        consoles.append(CustomerConsole(folder, url=url, **settings))
        return consoles[0].app()

    with recorded_log():
        try:
            with serving(make_app):
                yield consoles[0]
        finally:
            for console in consoles:
                console.face.close()


def _line(account: AccountSid, day: str) -> bytes:
    sid = "SM" + "f" * 32
    return (
        f'{{"sid":"{sid}","account_sid":"{account}","date_created":"{day}T10:00:00Z","date_updated":"{day}T10:00:05Z",'
        f'"status":"delivered","direction":"inbound","from":"<b>+15550100</b>","to":"+15550101","body":"<script>x</script>"}}\n'
    ).encode()
