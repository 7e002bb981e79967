"""The page for browsers, served by the real app: what it shows, and to whom."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from ipaddress import ip_network
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Page as Tab
from playwright.sync_api import expect
from sqlalchemy import update

from dayfile import __version__
from dayfile.accounts.administer import NewAccount
from dayfile.accounts.authenticate import Authenticator
from dayfile.accounts.sessions import Sessions
from dayfile.checks.vitals import Vitals
from dayfile.clock import Clock
from dayfile.console.page import console_page
from dayfile.errors import StorageUnavailable
from dayfile.files.storage import Bytes, LocalStorage, Storage
from dayfile.model.credential import Scope
from dayfile.model.damage import damaged_file
from dayfile.model.day import Day, DayRange, last_custom_day
from dayfile.model.job import JobRequest
from dayfile.model.resource import MESSAGES
from dayfile.objects.storage_probe import StorageProbe
from dayfile.service import Service
from dayfile.settings import Settings
from dayfile.store.database import Database
from dayfile.store.tables.exports import job
from dayfile.web.client_address import TrustedProxies
from tests.support.server import serving

PUBLIC_URL = "https://exports.example.com"
TRICKY = "<script>alert(1)</script> & “October”"
FIGURES = "Waiting records"
HOW_TO_RUN_IT = "dayfile accounts create"
HOW_TO_USE_IT = "/v1/Exports/Messages/Jobs"


@dataclass(frozen=True)
class Page:
    """The page of an instance with an account, a job and an operator's key."""

    url: str
    account: NewAccount
    job_sid: str
    operator: tuple[str, str]

    def get(
        self, path: str = "/", *, login: tuple[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        """Ask for it as a browser does."""
        return httpx2.get(f"{self.url}{path}", auth=login, headers=headers, trust_env=False)

    @property
    def secrets(self) -> Collection[str]:
        """Return the texts that belong to an account, and are nobody else's business."""
        return self.account.account.sid, self.job_sid, "October"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """An instance in a folder of its own."""
    with Service.open(Settings.read(_env_file=None, data_dir=tmp_path)) as opened:
        yield opened


@pytest.fixture
def near(service: Service) -> Iterator[Page]:
    """The page of an instance that calls itself by this machine's address."""
    yield from a_page(service, public_url=None)


@pytest.fixture
def public(service: Service) -> Iterator[Page]:
    """The page of an instance that the world knows by a name."""
    yield from a_page(service, public_url=PUBLIC_URL)


def a_page(service: Service, *, public_url: str | None) -> Iterator[Page]:
    """Serve it."""
    account = service.administration.create_account(friendly_name="Acme")
    key = service.administration.create_key(account=None, scopes=[Scope.INTAKE])
    last = last_custom_day(service.clock.now())
    request = JobRequest(
        account=account.account.sid,
        root_account=account.account.sid,
        resource_type=MESSAGES,
        days=DayRange(first=last - 4, last=last),
        friendly_name=TRICKY,
        webhook_url=None,
        webhook_method=None,
        email=None,
    )
    job = service.custom_jobs.submit(request)
    with serving(lambda url: service.api(pages=console_page(Shown(service, public_url or url)))) as url:
        yield Page(url, account, job.sid, (key.key.sid, key.secret))


@dataclass(frozen=True)
class Shown:
    """An instance under another name, or with a part that is broken."""

    service: Service
    public_url: str
    broken_storage: Storage | None = None
    trusted_proxies: TrustedProxies = field(default_factory=TrustedProxies)

    @property
    def database(self) -> Database:
        return self.service.database

    @property
    def storage_probe(self) -> StorageProbe:
        storage = self.broken_storage or self.service.storage
        return StorageProbe(storage, clock=self.clock, randomness=self.service.randomness)

    @property
    def clock(self) -> Clock:
        return self.service.clock

    @property
    def authenticator(self) -> Authenticator:
        return self.service.authenticator

    @property
    def vitals(self) -> Vitals:
        return self.service.insight.vitals

    @property
    def sessions(self) -> Sessions:
        return self.service.context.sessions


def test_anybody_sees_whether_it_works_and_how_to_use_it(public: Page) -> None:
    """The port is open to the world: no figure, no version, and nothing of any account."""
    page = public.get()
    assert page.status_code == 200
    assert "Ready" in page.text
    assert f"{PUBLIC_URL}{HOW_TO_USE_IT}" in page.text
    assert [word for word in (*public.secrets, FIGURES, HOW_TO_RUN_IT, __version__) if word in page.text] == []


def test_a_developer_on_this_machine_sees_figures_and_no_account(near: Page) -> None:
    """A developer wants to see that something happens; whose records they are is nobody's business."""
    page = near.get()
    assert [word for word in (FIGURES, HOW_TO_RUN_IT, __version__) if word not in page.text] == []
    assert [word for word in near.secrets if word in page.text] == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},  # a website asks in the name of a browser on this machine
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "rebound.example.net"},  # a website whose name leads to this machine, all of a sudden
        {"X-Forwarded-For": "203.0.113.7"},  # a proxy on this machine
        {"Forwarded": "for=203.0.113.7"},
        {"Via": "1.1 proxy"},
    ],
)
def test_others_do_not_pass_for_this_machine(headers: dict[str, str], near: Page) -> None:
    """Their requests come from here, too; what gives them away is in their headers."""
    page = near.get(headers=headers)
    assert page.status_code == 200
    assert [word for word in (*near.secrets, FIGURES, HOW_TO_RUN_IT, __version__) if word in page.text] == []


@pytest.mark.parametrize("headers", [{}, {"X-Forwarded-For": "127.0.0.1"}, {"X-Forwarded-For": "unknown"}])
def test_nobody_behind_a_proxy_on_this_machine_passes_for_this_machine(
    headers: dict[str, str], service: Service
) -> None:
    """Everybody comes from the proxy's address, and a proxy may leave no trace of itself or pass on anything."""
    shown = partial(Shown, service, trusted_proxies=TrustedProxies((ip_network("127.0.0.1"),)))
    with serving(lambda url: service.api(pages=console_page(shown(url)))) as url:
        page = httpx2.get(url, headers=headers, trust_env=False)
    assert "Ready" in page.text
    assert [word for word in (FIGURES, HOW_TO_RUN_IT, __version__) if word in page.text] == []


def test_the_operator_sees_the_jobs_of_all_accounts(public: Page) -> None:
    """With a key of the operator, which a program is asked for, and a browser's user in a form."""
    asked = public.get("/operator")
    assert (asked.status_code, asked.headers["www-authenticate"].partition(" ")[0]) == (401, "Basic")
    assert 'action="/console/sign-in"' in asked.text
    assert 'name="to" value="/operator"' in asked.text
    page = public.get("/operator", login=public.operator)
    assert page.status_code == 200
    assert [word for word in (*public.secrets, FIGURES, "5 waiting") if word not in page.text] == []


def test_damage_is_shown_to_the_operator_with_what_to_do(public: Page, near: Page, service: Service) -> None:
    """Object, account and day; to who is on this machine, that there is some; to others, nothing."""
    key = f"sealed/type=Messages/day=2026-10-01/account={public.account.account.sid}/revision-1-0.json.gz"
    found = damaged_file(key, public.account.account.sid, MESSAGES, Day.parse("2026-10-01"), reason=TRICKY)
    with service.database.transaction() as tx:
        tx.damages.record(found, now=service.clock.now())
    shown = public.get("/operator", login=public.operator).text
    told = (key, "2026-10-01", "dayfile damage accept", "Damaged objects")
    assert [word for word in told if word not in shown] == []
    assert "<script>alert" not in shown
    assert "1 is damaged" in near.get().text
    assert [word for word in told if word in near.get().text] == []
    assert "damaged" not in public.get().text


def test_an_account_is_not_the_operator(public: Page) -> None:
    """Good credentials of a customer open nothing of the others."""
    login = (public.account.account.sid, public.account.auth_token)
    for path, status in (("/", 200), ("/operator", 401)):
        page = public.get(path, login=login)
        assert page.status_code == status
        assert [word for word in (*public.secrets, FIGURES) if word in page.text] == []


@pytest.mark.parametrize(
    "authorization", [b"Basic", b"Basic !!!", b"Basic 4pyT", b"Bearer x", b"Basic U0sxOndyb25n", b"Basic \xff"]
)
def test_credentials_that_are_none_are_no_trouble(authorization: bytes, public: Page) -> None:
    """Anybody can send anything, and cause no trace in the log with it."""
    for path, status in (("/", 200), ("/operator", 401)):
        answer = httpx2.get(f"{public.url}{path}", headers=[(b"authorization", authorization)], trust_env=False)
        assert answer.status_code == status


def test_names_cannot_run_in_the_operator_s_browser(public: Page) -> None:
    """A friendly name is a customer's text, and the operator's browser is logged in."""
    page = public.get("/operator", login=public.operator)
    assert "&lt;script&gt;alert(1)" in page.text
    assert "<script>alert" not in page.text


def test_nothing_but_the_page_runs_and_nothing_else_is_asked_for(near: Page) -> None:
    """It works without the internet, and what is smuggled in is not run: the browser is told so."""
    page = near.get()
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-store"
    loaded = re.findall(r"""(?:src|href|action)=["']([^"']*)""", page.text)
    assert {link for link in loaded if not link.startswith("data:")} == {
        "#main",
        "/",
        "/console",
        "/docs",
        "/healthz",
        "/readyz",
        "/operator",
    }
    assert re.search(r"@import|url\(", page.text) is None


class _Away(LocalStorage):
    """A storage that is not there."""

    def scan(self, prefix: str) -> Iterator[str]:
        raise StorageUnavailable("the storage folder /secret/place does not answer")

    def put(self, key: str, chunks: Iterable[Bytes]) -> int:
        raise StorageUnavailable("the storage folder /secret/place does not answer")


@pytest.mark.parametrize(("public_url", "tells"), [(PUBLIC_URL, False), (None, True)])
def test_trouble_is_shown_and_its_details_only_to_those_near(
    public_url: str | None, tells: bool, service: Service, tmp_path: Path
) -> None:
    """Everybody may know that it does not work; a path or a host name in the reason is for the operator."""
    away = _Away(tmp_path / "objects")
    with serving(lambda url: service.api(pages=console_page(Shown(service, public_url or url, away)))) as url:
        page = httpx2.get(url, trust_env=False).text
    assert "Not ready" in page
    assert ("/secret/place" in page) is tells


def test_a_page_without_a_worker_is_not_green(near: Page, service: Service) -> None:
    """Nothing is sealed, exported or sent: whoever looks must see it, and what to do."""
    page = near.get().text
    assert 'class="verdict warn"' in page
    assert "none running" in page
    assert "<code>dayfile work</code>" in page
    service.presence.step()
    assert "1 running" in near.get().text


def test_a_job_that_nobody_works_on_is_shown_as_trouble(near: Page, service: Service) -> None:
    """Its customer waits; the page says so to whoever may know, and names nobody to the others."""
    due = service.clock.now() - timedelta(minutes=6)
    with service.database.exclusively() as connection:
        connection.execute(update(job).values(due_at=due))
    page = near.get().text
    assert 'class="verdict bad"' in page
    assert "1 overdue" in page
    assert [word for word in near.secrets if word in page] == []


def test_vital_signs_are_nobody_s_business(public: Page) -> None:
    """An attacker could use the state of workers and disks."""
    page = public.get().text
    assert [word for word in ("Workers", "Disk", "overdue", "warn") if word in page.partition("</style>")[2]] == []


def test_it_works_in_a_browser(near: Page, tab: Tab) -> None:
    """The policy that keeps others out must not keep the page's own script and style out."""
    tab.goto(near.url)
    expect(tab.get_by_role("button", name="Copy").first).to_be_visible()  # shown by the script, hidden without it
