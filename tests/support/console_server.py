"""The real service with its console, served, and an operator's key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from starlette.types import ASGIApp

from dayfile.api.app import create_app
from dayfile.console.page import console_page
from dayfile.model.credential import Scope as KeyScope
from dayfile.overrides import Overrides
from dayfile.service import Service
from dayfile.settings import Settings
from tests.support.clock import FakeClock
from tests.support.face import NO_DELAYS
from tests.support.recorded_log import RecordedLog, recorded_log
from tests.support.server import serving

BROWSER = {
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "same-origin",
}


class ConsoleServer:
    """A running server."""

    def __init__(self, service: Service, clock: FakeClock, log: RecordedLog) -> None:
        self.service = service
        self.clock = clock
        self.url = ""
        self.log = log
        self.operator = self.new_operator()

    def new_operator(self) -> tuple[str, str]:
        """Another operator's key: its sid and its secret."""
        new = self.service.administration.create_key(account=None, scopes=[KeyScope.INTAKE, KeyScope.ACCOUNTS])
        return new.key.sid, new.secret

    def browser(self) -> httpx2.Client:
        """A client that keeps cookies and asks as a browser does; it follows nothing by itself."""
        return httpx2.Client(base_url=self.url, headers=BROWSER)

    @contextmanager
    def signed_in(self) -> Iterator[httpx2.Client]:
        """Such a client with a session."""
        with self.browser() as browser:
            assert sign_in(browser, *self.operator).status_code == 303
            yield browser

    def app(self) -> ASGIApp:
        """Its app, which answers wrong credentials at once: its clock stands still."""
        context = self.service.context
        return create_app(context, pages=console_page(context), delay_rule=NO_DELAYS)


@contextmanager
def console_served(folder: Path, **settings: Any) -> Iterator[ConsoleServer]:
    """Serve a new instance."""
    clock = FakeClock()
    with (
        Service.open(Settings.read(data_dir=folder, **settings), Overrides(clock=clock)) as service,
        recorded_log() as log,
    ):
        server = ConsoleServer(service, clock, log)

        def make_app(url: str) -> ASGIApp:
            server.url = url
            return server.app()

        with serving(make_app):
            yield server


def sign_in(browser: httpx2.Client, sid: str, secret: str, **headers: str) -> httpx2.Response:
    """Send the form as the operator's page has it."""
    fields = {"username": sid, "password": secret, "to": "/operator"}
    return browser.post("/console/sign-in", data=fields, headers=headers)


def form_token(page: httpx2.Response) -> str:
    """Return the token that the forms of a page carry."""
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', page.text)
    assert found, page.text
    return found[1]


def sign_out(browser: httpx2.Client, fields: Mapping[str, str]) -> httpx2.Response:
    """Send the other form."""
    return browser.post("/console/sign-out", data=dict(fields))
