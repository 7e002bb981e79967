"""Failed requests in a browser: a page in words, and never raw JSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.support.console_server import BROWSER, ConsoleServer, console_served

JAVA = {"Accept": "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"}  # of HttpURLConnection, unless it is told


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ConsoleServer]:
    """A server with the page."""
    with console_served(tmp_path) as running:
        yield running


FAILURES = {
    "/nowhere": (404, "Not found"),
    "/v1/Nowhere": (404, "Not found"),
    "/v1/Exports/Messages/Days": (401, "Authenticate"),
    "/v1/Accounts": (401, "Authenticate"),
    "/v1/Downloads/Messages/2026-10-01/1": (403, "Forbidden"),
    "/errors/1": (404, "Not found"),
    "/%zz": (400, "Invalid request"),
}


@pytest.mark.parametrize("path", FAILURES)
def test_a_browser_is_answered_in_words(server: ConsoleServer, path: str) -> None:
    """A link in an e-mail that has expired, or an address that was mistyped: its reader wrote no program."""
    status, title = FAILURES[path]
    with server.browser() as browser:
        page = browser.get(path)
    assert (page.status_code, page.headers["content-type"].partition(";")[0]) == (status, "text/html")
    assert f"<h1>{title}</h1>" in page.text
    assert "What to do" in page.text
    assert page.headers["twilio-request-id"] in page.text
    assert "www-authenticate" not in page.headers
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert "/operator" in page.text or status != 401


@pytest.mark.parametrize("headers", [{}, {"Accept": "application/json"}, {"Accept": "*/*"}, JAVA])
@pytest.mark.parametrize("path", FAILURES)
def test_a_program_is_answered_in_json(server: ConsoleServer, path: str, headers: dict[str, str]) -> None:
    """Programs get JSON, whichever types their library accepts by default."""
    answer = httpx2.get(server.url + path, headers=headers, trust_env=False)
    assert answer.json().keys() == {"code", "message", "more_info", "status"}


def test_nothing_of_a_request_runs_in_the_browser(server: ConsoleServer) -> None:
    """The address is whatever a stranger has made somebody click."""
    with server.browser() as browser:
        page = browser.get("/<script>alert(1)</script>")
    assert "<script" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text


def test_a_form_that_is_refused_is_refused_in_words(server: ConsoleServer) -> None:
    """A page that was open since before the last sign-in has a form of a session that is over."""
    with server.signed_in() as browser:
        page = browser.post("/console/sign-out", data={"form_token": "0" * 64})
    assert (page.status_code, "load the page again" in page.text) == (403, True)
    assert page.headers["content-type"].startswith("text/html")


def test_there_is_an_icon(server: ConsoleServer) -> None:
    """Browsers ask for it by themselves, also beside JSON; a 404 would be in every log."""
    answer = httpx2.get(f"{server.url}/favicon.ico", headers=BROWSER, trust_env=False)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/x-icon")
    assert answer.content.startswith(b"\0\0\1\0")


def test_a_browser_shows_the_page(server: ConsoleServer, tab: Page) -> None:
    """Its own policy keeps nothing of it out."""
    tab.goto(f"{server.url}/nowhere")
    expect(tab.get_by_role("heading", name="What happened")).to_be_visible()
