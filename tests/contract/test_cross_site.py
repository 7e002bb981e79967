"""Every address that may write: refused to pages of other sites before anything else, and to nobody else."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from dayfile.api.app import OPERATIONS
from dayfile.api.error_table import BY_CODE
from dayfile.console.page import console_page
from dayfile.model.credential import Scope
from dayfile.service import Service
from dayfile.settings import Settings
from dayfile.web.cross_site import READS
from tests.support.documented import check
from tests.support.recorded_log import recorded_log
from tests.support.server import serving

FOREIGN: tuple[Mapping[str, str], ...] = (
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
)


class Server:
    """A running server with all its faces."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.app = cast("Starlette", service.api(pages=console_page(service.context)))
        self.url = ""

    @property
    def writing(self) -> set[tuple[str, str]]:
        """Methods and addresses that may write, of all routes that there are."""
        return {
            (method, re.sub(r"\{\w+(:path)?\}", "x", route.path))
            for route in self.app.routes
            if isinstance(route, Route)
            for method in route.methods or ()
            if method not in READS
        }

    def ask(self, method: str, path: str, headers: Mapping[str, str], **options: Any) -> httpx2.Response:
        """Send a request that must be answered as the document says."""
        answer = httpx2.request(method, self.url + path, headers=dict(headers), **options)
        check(answer)
        return answer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all tests."""
    folder: Path = tmp_path_factory.mktemp("server")
    with Service.open(Settings.read(data_dir=folder)) as service, recorded_log():
        server = Server(service)

        def make_app(url: str) -> Starlette:
            server.url = url
            return server.app

        with serving(make_app):
            yield server


def test_all_that_may_write_is_looked_at(server: Server) -> None:
    """A route that is forgotten here is one that nobody looks at."""
    documented = {
        (operation.method.upper(), re.sub(r"\{\w+\}", "x", operation.path))
        for operation in OPERATIONS
        if operation.method != "get"
    }
    assert documented < server.writing
    assert server.writing - documented == {("POST", "/console/sign-in"), ("POST", "/console/sign-out")}


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.compat(74)
def test_a_page_of_another_site_is_refused_before_anybody_is_asked_who_they_are(
    server: Server, headers: Mapping[str, str]
) -> None:
    """With good credentials, with none, and also where there is nothing: it is never asked."""
    key = server.service.administration.create_key(account=None, scopes=[Scope.INTAKE, Scope.ACCOUNTS])
    for method, path in [*sorted(server.writing), ("PATCH", "/v1/Exports/Messages"), ("POST", "/nothing")]:
        for login in (None, (key.key.sid, key.secret)):
            answer = server.ask(method, path, headers, auth=login)
            assert (answer.status_code, answer.json()["code"]) == (403, 20403), (method, path)
            assert "a page of another site cannot write here" in answer.json()["message"]


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_a_page_of_this_server_is_asked_who_it_is_like_anybody(server: Server, site: str) -> None:
    """The rule opens nothing."""
    for method, path in sorted(server.writing):
        for headers in ({"Sec-Fetch-Site": site}, {"Origin": server.url}, {}):
            answer = server.ask(method, path, headers)
            # A body of the wrong kind is refused before its sender is known.
            assert answer.status_code in {400, 401}, (method, path, answer.text)


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.compat(74)
def test_scripts_of_other_sites_may_read_and_see_why_they_may_not_write(
    server: Server, headers: Mapping[str, str]
) -> None:
    """Preflights are answered and the CORS headers are those of the published API, also on the refusal."""
    account = server.service.administration.create_account()
    login = (account.account.sid, account.auth_token)
    jobs = "/v1/Exports/Messages/Jobs"
    assert server.ask("GET", jobs, headers, auth=login).status_code == 200
    preflight = server.ask("OPTIONS", jobs, {**headers, "Access-Control-Request-Method": "POST"})
    assert preflight.status_code == 204
    refused = server.ask("POST", jobs, headers, auth=login)
    for answer in (preflight, refused):
        assert answer.headers["access-control-allow-origin"] == "*"


def test_nothing_of_a_foreign_batch_is_waited_for(server: Server) -> None:
    """The answer comes before the first byte of the body, however long it is said to be."""
    where = urlsplit(server.url)
    with socket.create_connection((where.hostname, where.port), timeout=30) as connection:
        connection.sendall(
            b"POST /v1/Records/Messages HTTP/1.1\r\nHost: x\r\nOrigin: https://evil.example\r\n"
            b"Content-Length: 1000000000\r\n\r\n"
        )
        with connection.makefile("rb") as answer:
            assert answer.readline().startswith(b"HTTP/1.1 403 ")


def test_the_explanation_names_the_cause() -> None:
    """A reader who follows more_info must find it."""
    assert "page of another site" in BY_CODE[20403].happened
