"""Pages of other sites, in a real browser that holds credentials: they cannot write, whatever they send from where."""

from __future__ import annotations

import json
import queue
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dayfile.accounts.administer import NewAccount
from dayfile.console.page import console_page
from dayfile.model.account import AccountSid
from dayfile.model.credential import Scope as KeyScope
from dayfile.model.notice import Result
from dayfile.overrides import Overrides
from dayfile.service import Service
from dayfile.settings import Settings
from tests.support.clock import FakeClock
from tests.support.evil_site import ENCODED, PLAIN, EvilSite, an_evil_site
from tests.support.lanes import claimed, concluded
from tests.support.notices import a_notice, an_outcome, told
from tests.support.recorded_log import recorded_log
from tests.support.server import serving

DAY = "2026-11-01"


class Seen(NamedTuple):
    """A request as it came to the server, and the answer."""

    method: str
    path: str
    status: int
    has_credentials: bool
    has_cookie: bool


class Victim:
    """The server that the browser holds credentials for."""

    def __init__(self, service: Service, folder: Path) -> None:
        self.service = service
        self.url = ""
        self.seen: queue.SimpleQueue[Seen] = queue.SimpleQueue()
        self.account: NewAccount = service.administration.create_account()
        key = service.administration.create_key(account=None, scopes=[KeyScope.INTAKE, KeyScope.ACCOUNTS])
        self.operator = (key.key.sid, key.secret)
        self._file = folder / "dayfile.sqlite"

    @property
    def port(self) -> int | None:
        """The address at which it listens, under whatever name."""
        return urlsplit(self.url).port

    @property
    def sid(self) -> AccountSid:
        """Of the account."""
        return self.account.account.sid

    @property
    def everything(self) -> list[str]:
        """All that is in the database."""
        with closing(sqlite3.connect(self._file)) as database:
            return list(database.iterdump())

    def app(self) -> ASGIApp:
        """Its app, watched, with an address that asks for Basic credentials as another server of the name would."""
        inner = self.service.api(pages=console_page(self.service.context))

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            headers = dict(scope["headers"])

            async def watched(message: Message) -> None:
                if message["type"] == "http.response.start":
                    status = message["status"]
                    has = (b"authorization" in headers, b"cookie" in headers)
                    self.seen.put(Seen(scope["method"], scope["path"], status, *has))
                await send(message)

            if scope["path"] == "/challenge":
                status = 200 if b"authorization" in headers else 401
                challenge = [(b"www-authenticate", b'Basic realm="Dayfile"'), (b"content-length", b"0")]
                await watched({"type": "http.response.start", "status": status, "headers": challenge})
                await send({"type": "http.response.body", "body": b""})
                return
            await inner(scope, receive, watched)

        return app

    def next_of(self, method: str, path: str) -> Seen:
        """Wait for a request."""
        while (seen := self.seen.get(timeout=30))[:2] != (method, path):
            pass
        return seen

    def an_ended_notice(self) -> str:
        """The sid of a notice that could be told again."""
        new, now = a_notice(self.sid), self.service.clock.now()
        told(self.service.database, new, now=now)
        turn = claimed(self.service.database, self.sid, now=now)
        assert turn is not None
        concluded(self.service.database, turn, an_outcome(Result.DELIVERED), now=now)
        return new.sid


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Victim]:
    """A new instance."""
    with Service.open(Settings.read(data_dir=tmp_path), Overrides(clock=FakeClock())) as service, recorded_log():
        victim = Victim(service, tmp_path)

        def make_app(url: str) -> ASGIApp:
            victim.url = url
            return victim.app()

        with serving(make_app):
            yield victim


@pytest.fixture(scope="module")
def evil() -> Iterator[EvilSite]:
    """The other site."""
    with an_evil_site() as site:
        yield site


@dataclass(frozen=True, kw_only=True)
class Place:
    """Under which names the browser reaches the two."""

    victim: str
    evil: str


PLACES = {
    "loopback, another site": Place(victim="127.0.0.1", evil="localhost"),
    "loopback, the same site on another port": Place(victim="localhost", evil="localhost"),
    # There the browser does not say from which site a request comes, only from which origin.
    "plain HTTP on another name": Place(victim="exports.example", evil="evil.example"),
}


class Attack(NamedTuple):
    """A request that a hostile page sends."""

    path: str
    fields: Mapping[str, str]  # of a form
    kind: str  # how the form is encoded

    @property
    def body(self) -> str:
        """The same for a script."""
        if self.kind == ENCODED:
            return urlencode(self.fields)
        return "".join(f"{name}={value}" for name, value in self.fields.items())


def as_json(**members: object) -> dict[str, str]:
    """One input of a form, which makes JSON of these members and of one more."""
    start, _, end = json.dumps(members | {"friendly_name": "forged="}).rpartition("=")
    return {start: end}


def by_operator(victim: Victim) -> list[Attack]:
    """Return the writes that an operator's key may do."""
    record = as_json(
        sid="SM" + "f" * 32, account_sid=victim.sid, date_created=f"{DAY}T10:00:00Z", date_updated=f"{DAY}T10:00:03Z"
    )
    return [
        Attack("/v1/Records/Messages", record, PLAIN),
        Attack("/v1/Accounts", as_json(email="evil@evil.example"), PLAIN),
        Attack(f"/v1/Accounts/{victim.sid}/Keys", as_json(kind="main"), PLAIN),
    ]


def by_account(victim: Victim) -> list[Attack]:
    """Return the writes that an account's auth token may do."""
    webhook = {"Enabled": "true", "WebhookUrl": "https://1.1.1.1/", "WebhookMethod": "POST"}
    return [
        Attack("/v1/Exports/Messages/Configuration", webhook, ENCODED),
        Attack("/v1/Exports/Messages/Jobs", {"StartDay": DAY, "EndDay": DAY, "FriendlyName": "forged"}, ENCODED),
        Attack(f"/v1/Notices/{victim.an_ended_notice()}/Attempts", {}, PLAIN),
        Attack(f"/v1/Accounts/{victim.sid}/Keys", as_json(kind="main"), PLAIN),
    ]


WAYS = ("form", "script", "blob")


def attack(tab: Page, evil: EvilSite, one: Attack, *, way: str, names: Place, victim: Victim) -> Seen:
    """Have the browser open the other site's page, which sends something; the request as it came."""
    target = f"http://{names.victim}:{victim.port}{one.path}"
    if way == "form":
        evil.has_form(target, one.fields, kind=one.kind)
    else:
        evil.has_script(target, one.body, as_blob=way == "blob")
    tab.goto(f"http://{names.evil}:{evil.port}/", wait_until="commit")
    tab.wait_for_url(target if way == "form" else "**/")  # the form leads there before its own page is loaded
    return victim.next_of("POST", one.path)


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Page]:
    """A tab of a browser that nobody has used before; the pages of the other site make it complain."""
    with chromium.new_context() as context:
        yield context.new_page()


@contextmanager
def unchanged(victim: Victim) -> Iterator[None]:
    """Fails if anything at all is written meanwhile."""
    before = victim.everything
    yield
    assert [row for row in victim.everything if row not in before] == []
    assert victim.everything == before


@pytest.mark.parametrize(("place", "who"), [(place, who) for place in PLACES for who in ("operator", "account")])
def test_a_page_of_another_site_writes_nothing_with_basic_credentials(
    victim: Victim, evil: EvilSite, tab: Page, *, place: str, who: str
) -> None:
    """The browser sends what it holds along with any form. Records were forged so, and webhooks set."""
    names = PLACES[place]
    login = victim.operator if who == "operator" else (victim.sid, victim.account.auth_token)
    attacks = by_operator(victim) if who == "operator" else by_account(victim)
    tab.goto(f"http://{':'.join(login)}@{names.victim}:{victim.port}/challenge")
    assert victim.next_of("GET", "/challenge").status == 401
    assert victim.next_of("GET", "/challenge").status == 200
    with unchanged(victim):
        for one in attacks:
            answers = {way: attack(tab, evil, one, way=way, names=names, victim=victim) for way in WAYS}
            assert {way: seen.status for way, seen in answers.items()} == dict.fromkeys(WAYS, 403)
            assert answers["form"].has_credentials, "else it would be refused for another reason"


@pytest.mark.parametrize("place", PLACES)
def test_a_page_of_another_site_does_nothing_with_a_session(
    victim: Victim, evil: EvilSite, tab: Page, place: str
) -> None:
    """Not write, not sign the operator out, and not sign them in with a key that somebody else reads along with."""
    names = PLACES[place]
    page = f"http://{names.victim}:{victim.port}/operator"
    sid, secret = victim.operator
    forms = [
        Attack("/console/sign-in", {"username": sid, "password": secret}, ENCODED),
        Attack("/console/sign-out", {"form_token": ""}, ENCODED),
    ]
    tab.goto(page)
    tab.get_by_label("sid").fill(sid)
    tab.get_by_label("secret").fill(secret)
    tab.get_by_role("button", name="Sign in").click()
    assert victim.next_of("POST", "/console/sign-in").status == 303
    expect(tab.get_by_role("button", name="Sign out")).to_be_visible()
    with unchanged(victim):
        for one in [*by_operator(victim), *forms]:
            answers = {way: attack(tab, evil, one, way=way, names=names, victim=victim) for way in WAYS}
            assert {way: seen.status for way, seen in answers.items()} == dict.fromkeys(WAYS, 403)
            # Ports of one host are one site: there SameSite keeps nothing back.
            assert answers["form"].has_cookie is (names.victim == names.evil)
        tab.goto(page)
        assert sid in tab.content()


@pytest.mark.parametrize("place", PLACES)
def test_a_browser_is_not_made_to_keep_basic_credentials(victim: Victim, tab: Page, place: str) -> None:
    """Not even when they are in the address: it is not asked for them, and shows the form."""
    address = f"{':'.join(victim.operator)}@{PLACES[place].victim}:{victim.port}"
    for path in ("/operator", "/v1/Exports/Messages"):
        for _ in range(2):
            tab.goto(f"http://{address}{path}")
            assert victim.next_of("GET", path)[2:] == (401, False, False)
