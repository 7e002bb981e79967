"""Operators sign in with a browser: what a session opens, what it does not, and what ends it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from playwright.sync_api import Page, expect

from dayfile.api.app import OPERATIONS
from dayfile.errors import DatabaseUnavailable
from dayfile.model.session import SESSION_LIFETIME
from dayfile.store.database import Database
from tests.support.console_server import BROWSER, ConsoleServer, console_served, form_token, sign_in, sign_out

FIGURES = "Waiting records"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleServer]:
    """One for all tests that end no session but their own."""
    with console_served(tmp_path_factory.mktemp("server"), public_url="http://inside.example") as server:
        yield server


def sees_the_page(browser: httpx2.Client, path: str = "/operator") -> bool:
    """Return True if the operator's page is shown."""
    page = browser.get(path)
    assert (page.status_code == 200) is (FIGURES in page.text) or path == "/"
    return FIGURES in page.text


def cookie(answer: httpx2.Response) -> SimpleCookie:
    """The one cookie of an answer."""
    [header] = answer.headers.get_list("set-cookie")
    return SimpleCookie(header)


def test_a_browser_signs_in_with_a_form_and_out_again(server: ConsoleServer) -> None:
    """The page says who is signed in; afterwards the browser is a stranger, and what it had is worthless."""
    with server.browser() as browser:
        asked = browser.get("/operator")
        assert asked.status_code == 401
        assert "www-authenticate" not in asked.headers
        answer = sign_in(browser, *server.operator)
        assert (answer.status_code, answer.headers["location"]) == (303, "/operator")
        page = browser.get("/operator")
        assert server.operator[0] in page.text
        assert server.operator[1] not in page.text
        assert sees_the_page(browser, "/")
        kept = dict(browser.cookies)
        out = sign_out(browser, {"form_token": form_token(page)})
        assert (out.status_code, out.headers["location"]) == (303, "/console/sign-in")
        assert dict(browser.cookies) == {}
        assert not sees_the_page(browser)
        browser.cookies.update(kept)
        assert not sees_the_page(browser)
        assert not sees_the_page(browser, "/")


def test_the_cookie_is_out_of_reach(server: ConsoleServer, tmp_path: Path) -> None:
    """For scripts, for other sites and, behind HTTPS, for plain HTTP and other hosts of the domain."""
    with server.browser() as browser:
        [(name, given)] = cookie(sign_in(browser, *server.operator)).items()
    assert name == "dayfile_session"
    assert re.fullmatch(r"[0-9a-f]{64}", given.value)
    assert (given["httponly"], given["samesite"], given["path"], given["secure"]) == (True, "lax", "/", "")
    assert (given["domain"], given["max-age"], given["expires"]) == ("", "", "")
    with console_served(tmp_path, public_url="https://exports.example.com") as behind_https:
        with behind_https.browser() as browser:
            [(name, given)] = cookie(sign_in(browser, *behind_https.operator)).items()
            assert not sees_the_page(browser), "the client keeps it for HTTPS"
        assert (name, given["secure"], given["path"], given["domain"]) == ("__Host-dayfile_session", True, "/", "")
        for sent, status in ((name, 200), ("dayfile_session", 401)):
            headers = {**BROWSER, "Cookie": f"{sent}={given.value}"}
            assert httpx2.get(behind_https.url + "/operator", headers=headers).status_code == status


def test_a_wrong_sign_in_does_not_say_what_was_wrong(server: ConsoleServer) -> None:
    """The form again, with the sid as it was typed, and a note for whoever slows guesses down."""
    sid, secret = server.operator
    answers = []
    for username, password in (
        (sid, "wrong"),
        (sid, ""),
        ("SK" + 32 * "0", secret),
        ("", ""),
        ("<b>\x00é" + "x" * 1000, secret),
    ):
        with server.browser() as browser:
            answer = sign_in(browser, username, password)
            assert answer.status_code == 401
            assert "set-cookie" not in answer.headers
            assert "www-authenticate" not in answer.headers
            request = answer.headers["twilio-request-id"]
            noted = [event for event in server.log.until(answer) if event["request_id"] == request]
            assert [event["event"] for event in noted] == ["login.failed", "request"]
            assert noted[0]["username"] == username or len(username) > 34
            assert password == "" or password not in answer.text
            assert "<b>" not in answer.text
            answers.append(re.sub(r' value="[^"]*"| autofocus', "", answer.text))
    assert len(set(answers)) == 1
    assert "Check both" in answers[0]
    with server.browser() as browser:
        answer = sign_in(browser, f" {sid} ", f"{secret}\n")
        assert server.log.until(answer)[-1]["caller"] == sid
        assert sees_the_page(browser), "what was copied with the blanks around it is right"


def test_a_session_is_always_a_new_one(server: ConsoleServer) -> None:
    """A cookie that somebody else has put there is not made a session, and the one before is over."""
    with server.browser() as browser:
        browser.cookies.set("dayfile_session", "f" * 64, domain=str(urlsplit(server.url).hostname))
        fixed = sign_in(browser, *server.operator)
        first = cookie(fixed)["dayfile_session"].value
        assert first != "f" * 64
        second = cookie(sign_in(browser, *server.operator))["dayfile_session"].value
        assert second != first
    for token, status in (("f" * 64, 401), (first, 401), (second, 200)):
        headers = {**BROWSER, "Cookie": f"dayfile_session={token}"}
        assert httpx2.get(server.url + "/operator", headers=headers).status_code == status


@pytest.mark.parametrize("given", ["none", "empty", "of another session", "the cookie's"])
def test_a_form_without_the_token_of_its_session_does_nothing(server: ConsoleServer, given: str) -> None:
    """The second lock behind the rule of who may write: a page of this server that is not of this session."""
    with server.signed_in() as browser, server.signed_in() as other:
        fields: Mapping[str, Mapping[str, str]] = {
            "none": {"other": "field"},
            "empty": {"form_token": ""},
            "of another session": {"form_token": form_token(other.get("/operator"))},
            "the cookie's": {"form_token": browser.cookies["dayfile_session"]},
        }
        refused = sign_out(browser, fields[given])
        assert (refused.status_code, "code 20403" in refused.text) == (403, True)
        assert "load the page again" in refused.text
        assert sees_the_page(browser)


def test_signing_out_twice_is_signing_out(server: ConsoleServer) -> None:
    """In two tabs, say; or after the session has expired."""
    with server.signed_in() as browser:
        token = form_token(browser.get("/operator"))
        kept = dict(browser.cookies)
        for _ in range(2):
            browser.cookies.update(kept)
            assert sign_out(browser, {"form_token": token}).status_code == 303
        browser.cookies.clear()
        assert sign_out(browser, {"form_token": "x"}).status_code == 303


def test_a_cookie_opens_nothing_of_the_api(server: ConsoleServer) -> None:
    """Only Basic credentials do, whatever the session's key may do; and a wrong password is not made good by it."""
    with server.signed_in() as browser:
        for operation in OPERATIONS:
            if not operation.who:
                continue
            path = re.sub(r"\{\w+\}", "Messages", operation.path)
            kind = "application/json" if "Accounts" in path else "application/x-www-form-urlencoded"
            for login in (None, (server.operator[0], "wrong")):
                answer = browser.request(operation.method, path, headers={"Content-Type": kind}, auth=login)
                assert answer.status_code == 401, operation.name
                assert "www-authenticate" not in answer.headers, "a browser would keep what it is asked for"


def test_programs_are_asked_for_basic_credentials_and_browsers_are_not(server: ConsoleServer) -> None:
    """Credentials that a browser keeps go along with whatever any page sends."""
    program: Mapping[str, str] = {}
    page, script = {"Accept": BROWSER["Accept"]}, {"Sec-Fetch-Mode": "cors"}
    for path in ("/operator", "/v1/Exports/Messages", "/v1/Accounts", "/v1/Notices"):
        for headers, is_asked in ((program, True), (page, False), (script, False)):
            answer = httpx2.get(server.url + path, headers=headers)
            assert (answer.status_code, "www-authenticate" in answer.headers) == (401, is_asked), (path, headers)
    assert httpx2.get(server.url + "/operator", auth=server.operator).status_code == 200


def test_a_page_with_a_form_may_be_sent_here_and_no_other(server: ConsoleServer) -> None:
    """A page without one cannot be made to have one; with no-referrer, forms would be of no origin."""
    with server.signed_in() as browser:
        pages = (httpx2.get(server.url, headers=BROWSER), browser.get("/operator"))
        form = httpx2.get(server.url + "/operator", headers=BROWSER)
    policies = [answer.headers["content-security-policy"] for answer in (*pages, form)]
    assert [re.findall(r"form-action ('\w+')", policy) for policy in policies] == [["'none'"], ["'self'"], ["'self'"]]
    assert "script-src 'none'" in policies[2], "whoever types a secret needs no script"
    referrers = [answer.headers["referrer-policy"] for answer in (*pages, form)]
    assert referrers == ["no-referrer", "same-origin", "same-origin"]
    assert {answer.headers["cache-control"] for answer in (*pages, form)} == {"no-store"}


def test_revocation_and_time_end_a_session(tmp_path: Path) -> None:
    """In the browser, at the next look."""
    with console_served(tmp_path) as server, server.signed_in() as one, server.browser() as other:
        server.clock.pass_by(SESSION_LIFETIME - timedelta(microseconds=1))
        assert sees_the_page(one)
        server.clock.pass_by(timedelta(microseconds=1))
        assert not sees_the_page(one)
        sign_in(one, *server.operator)
        assert sees_the_page(one)
        server.service.administration.revoke_key(server.operator[0])
        assert not sees_the_page(one)
        assert sign_in(other, *server.operator).status_code == 401


def test_a_database_that_is_away_is_shown_to_the_operator_too(
    server: ConsoleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody with a cookie must see on the front page what everybody sees: that it is not ready."""

    def away(self: Database) -> None:
        raise DatabaseUnavailable("the state database does not answer")

    with server.signed_in() as browser:
        monkeypatch.setattr(Database, "snapshot", away)
        front, operator = browser.get("/"), browser.get("/operator")
        monkeypatch.undo()
    assert front.status_code == 200
    assert "Not ready" in front.text
    assert operator.status_code == 503


def fill_in(tab: Page, sid: str, secret: str) -> None:
    """Type and press the button."""
    tab.get_by_label("sid").fill(sid)
    tab.get_by_label("secret").fill(secret)
    tab.get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "exports.example"])
def test_it_works_in_a_browser(server: ConsoleServer, tab: Page, host: str) -> None:
    """On loopback, and over plain HTTP under another name, where the browser tells the origin only."""
    url = f"http://{host}:{urlsplit(server.url).port}/operator"
    figures = tab.get_by_text(FIGURES)
    tab.goto(url)
    fill_in(tab, server.operator[0], "wrong")
    expect(tab.get_by_role("alert")).to_contain_text("Check both")
    fill_in(tab, *server.operator)
    expect(figures).to_be_visible()
    assert tab.url == url
    assert tab.evaluate("document.cookie") == ""
    tab.get_by_role("button", name="Sign out").click()
    tab.wait_for_url("**/console/sign-in")
    tab.goto(url)
    expect(figures).to_have_count(0)
