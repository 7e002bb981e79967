"""Attacks on the console, each by plain HTTP: none reads or writes what is another's, and none runs in a browser."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from dayfile.console.customer import customer_pages
from dayfile.model.credential import Permission
from dayfile.model.job import JobSid
from dayfile.model.session import SESSION_LIFETIME
from tests.support.console_server import BROWSER
from tests.support.customer_console import (
    FEW_DAYS,
    TRICKY,
    Customer,
    CustomerConsole,
    console_for_customers,
    form_token,
    sign_in,
)

HTMX_SHA256 = "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"
FORMS = {
    "/console/jobs/new": {
        "ResourceType": "Messages",
        "StartDay": "2026-11-01",
        "EndDay": "2026-11-01",
        "FriendlyName": "x",
    },
    "/console/jobs/{job}/cancel": {},
    "/console/daily/Messages": {"Enabled": "true"},
    "/console/daily/Messages/switch": {"Enabled": "false"},
    "/console/daily/Messages/test": {"WebhookUrl": "http://127.0.0.1:9/", "WebhookMethod": "POST"},
    "/console/notices/{notice}/replay": {},
}
PAGES = (
    *("/console", "/console/files", "/console/files/Messages/2026-11-11", "/console/files/Messages/2026-11-11/records"),
    *("/console/files/Messages/2026-11-11/download", "/console/files/zip?type=Messages", "/console/jobs"),
    *("/console/jobs/new", "/console/jobs/{job}", "/console/daily/Messages", "/console/notices"),
    "/console/notices/{notice}",
)


def filled(path: str, acme: Customer) -> str:
    """An address with the sids of the account."""
    return path.format(job=acme.waiting_job, notice=acme.notice)


def everything(console: CustomerConsole, acme: Customer) -> list[object]:
    """Everything of the account that a form could change."""
    with console.face.database.snapshot() as tx:
        sids = [JobSid(acme.job), JobSid(acme.waiting_job)]
        audit = [line for line in tx.audit.newest(subject=acme.sid, limit=1000) if "session" not in line.deed.action]
        notices = tx.notices.page(account=acme.sid, limit=100)
        return [tx.jobs.days(sids), tx.jobs.recent(limit=100), audit, notices]


def test_the_lists_above_have_every_route(console: CustomerConsole) -> None:
    """A page or form that is added is attacked as well."""
    routes = customer_pages(console.face.service.context)
    others = {"/console/sign-in", "/console/sign-out"}
    paths = {route.path for route in routes if route.path not in others and "assets" not in route.path}
    named = {
        re.sub(r"\{(job|notice)\}", "{sid}", path.partition("?")[0].replace("Messages", "{type}")).replace(
            "2026-11-11", "{day}"
        )
        for path in (*PAGES, *FORMS)
    }
    assert paths == named


def test_without_a_session_nothing_is_shown_or_done(console: CustomerConsole, acme: Customer) -> None:
    """No made-up cookie opens a page of the console, and Basic credentials do not, either."""
    before = everything(console, acme)
    for cookie in ("", "f" * 64, "x", '"; DROP'):
        headers = {**BROWSER, "Cookie": f"dayfile_session={cookie}"}
        with httpx2.Client(base_url=console.url, headers=headers, auth=acme.login.basic) as browser:
            answers = [browser.get(filled(path, acme)) for path in PAGES]
            answers += [browser.post(filled(path, acme), data=form or {"x": "y"}) for path, form in FORMS.items()]
            assert {answer.status_code for answer in answers} == {303}
            assert {urlsplit(answer.headers["location"]).path for answer in answers} == {"/console/sign-in"}
            assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}
            assert all(not answer.content for answer in answers)
    assert everything(console, acme) == before


@pytest.mark.parametrize("given", ["none", "empty", "of another session", "of another account"])
def test_a_form_without_the_token_of_its_session_does_nothing(
    console: CustomerConsole, acme: Customer, given: str
) -> None:
    """The second lock behind the check of where a form comes from."""
    with console.signed_in(acme.login) as browser, console.signed_in(acme.login) as other:
        with console.signed_in(console.account()) as stranger:
            tokens = {
                "none": {},
                "empty": {"form_token": ""},
                "of another session": {"form_token": form_token(other.get("/console"))},
                "of another account": {"form_token": form_token(stranger.get("/console"))},
            }
        before = everything(console, acme)
        for path, form in FORMS.items():
            refused = browser.post(filled(path, acme), data={"x": "y", **form, **tokens[given]})
            assert (refused.status_code, "load the page again" in refused.text) == (403, True), path
        assert everything(console, acme) == before


@pytest.mark.parametrize("size", [16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 100_000])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_form_larger_than_any_is_refused_at_once(browser: httpx2.Client, size: int, *, is_chunked: bool) -> None:
    """The connection gives no more of it to anybody who is not authorized: waiting for the rest would never end."""
    start = b"form_token=" + form_token(browser.get("/console/jobs/new")).encode() + b"&FriendlyName="
    body = start.ljust(size, b"x")
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = browser.post("/console/jobs/new", content=iter([body]) if is_chunked else body, headers=headers)
    assert answer.status_code == (400 if size < 16 * 1024 else 413)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-origin, cross-site"},
    ],
)
def test_a_page_of_another_site_writes_nothing(
    console: CustomerConsole, acme: Customer, headers: dict[str, str]
) -> None:
    """The cookie and the token of a form are not enough for it, and it can sign nobody in."""
    with console.signed_in(acme.login) as browser:
        token = form_token(browser.get("/console"))
        before = everything(console, acme)
        for path, form in FORMS.items():
            refused = browser.post(filled(path, acme), data={**form, "form_token": token}, headers=headers)
            assert refused.status_code == 403, path
        assert everything(console, acme) == before
    with console.browser() as browser:
        assert sign_in(browser, *acme.login.basic, **headers).status_code == 403
        assert dict(browser.cookies) == {}


def test_what_belongs_to_another_account_is_not_there(console: CustomerConsole, acme: Customer) -> None:
    """Each address and each form gets the same answer as for something that does not exist."""
    with console.signed_in(console.account("Mallory")) as browser:
        token, before = form_token(browser.get("/console")), everything(console, acme)
        for path in PAGES:
            answer = browser.get(filled(path, acme))
            if "{" in path or "2026-11-11/" in path or "zip" in path:
                assert answer.status_code == 404, path
            assert acme.sid not in answer.text, path
            assert "Week 45" not in answer.text, path
        for path in ("/console/jobs/{job}/cancel", "/console/notices/{notice}/replay"):
            assert browser.post(filled(path, acme), data={"form_token": token}).status_code == 404
        assert browser.get(f"/console/jobs/new?again={acme.waiting_job}").status_code == 404
        day = browser.get("/console/files/Messages/2026-11-11").text
        assert "No records of this day are sealed" in day
        assert everything(console, acme) == before


@pytest.mark.parametrize("permission", [one for one in Permission if one is not Permission.KEYS_WRITE])
def test_a_restricted_key_opens_what_it_may(console: CustomerConsole, acme: Customer, permission: Permission) -> None:
    """The permissions are those of the API, page by page."""
    with console.signed_in(console.restricted(acme.login, permission)) as browser:
        shown = {path for path in PAGES if browser.get(filled(path, acme)).status_code != 403}
    downloads = {path for path in PAGES if "records" in path or "download" in path or "zip" in path}
    new = {"/console/jobs/new"}
    assert shown == {
        Permission.EXPORTS_READ: set(PAGES) - downloads - new,
        Permission.DOWNLOADS_READ: downloads,
        Permission.JOBS_WRITE: new,
    }.get(permission, set())


def test_a_session_that_somebody_put_there_is_not_begun(console: CustomerConsole, acme: Customer) -> None:
    """Each sign-in makes a new one, and ends the one before."""
    with console.browser() as browser:
        browser.cookies.set("dayfile_session", "f" * 64, domain=str(urlsplit(console.url).hostname))
        sign_in(browser, *acme.login.basic)
        first = next(cookie.value for cookie in browser.cookies.jar if cookie.value != "f" * 64)
        sign_in(browser, *acme.login.basic)
    for token in ("f" * 64, first):
        headers = {**BROWSER, "Cookie": f"dayfile_session={token}"}
        assert httpx2.get(f"{console.url}/console", headers=headers).status_code == 303


def test_time_and_a_new_secret_end_a_session(tmp_path: Path) -> None:
    """A stale cookie opens nothing, nor does one whose auth token was replaced or whose account is suspended."""
    with console_for_customers(tmp_path) as console:
        account, administration = console.account(), console.face.administration
        with console.signed_in(account) as browser:
            console.face.clock.pass_by(SESSION_LIFETIME - timedelta(microseconds=1))
            assert browser.get("/console").status_code == 200
            console.face.clock.pass_by(timedelta(microseconds=1))
            assert browser.get("/console").status_code == 303
            sign_in(browser, *account.basic)
            token = administration.rotate_token(account.sid)
            assert browser.get("/console").status_code == 303
            former = sign_in(browser, *account.basic)
            assert (former.status_code, "was replaced by a new one" in former.text) == (403, True)
            sign_in(browser, account.sid, token)
            assert browser.get("/console").status_code == 200
            administration.suspend(account.sid)
            assert browser.get("/console").status_code == 303
            suspended = sign_in(browser, account.sid, token)
            assert (suspended.status_code, "is suspended" in suspended.text) == (403, True)
            assert sign_in(browser, account.sid, "wrong").status_code == 401


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/",
        "//evil.example/console",
        "/\\evil.example",
        "/console\\..\\..\\evil",
        "/console/\r\nSet-Cookie: a=b",
        "/consoles",
        "javascript:alert(1)",
        "/v1/Exports",
        "/console@evil.example",
        "/console?" + "x" * 2000,
    ],
)
def test_sign_in_leads_to_no_other_site(console: CustomerConsole, acme: Customer, to: str) -> None:
    """A stranger's link to the sign-in must not lead to the stranger's site afterwards."""
    with console.browser() as browser:
        form = browser.get("/console/sign-in", params={"to": to})
        assert re.findall(r'name="to" value="([^"]*)"', form.text) == ["/console"]
        assert sign_in(browser, *acme.login.basic, to=to).headers["location"] == "/console"


def test_wrong_credentials_do_not_say_what_was_wrong(console: CustomerConsole, acme: Customer) -> None:
    """Each guess is noted for the slowing down of guesses, as at every other door."""
    answers = set()
    for username, password in (
        (acme.sid, "wrong"),
        (acme.sid, ""),
        ("AC" + 32 * "0", acme.login.password),
        ("SK" + 32 * "0", acme.login.password),
        ("<b>\x00é", "x"),
        ("", ""),
    ):
        with console.browser() as browser:
            answer = sign_in(browser, username, password)
            assert answer.status_code == 401
            assert "set-cookie" not in answer.headers
            assert "<b>" not in answer.text
            answers.add(re.sub(r' value="[^"]*"| autofocus', "", answer.text))
    assert len(answers) == 1


def test_names_records_and_answers_are_text(console: CustomerConsole, acme: Customer) -> None:
    """No name of a job, no record and no answer of a receiver becomes markup of a page."""
    script = b'{"sid":"SM%s","status":"<script>alert(3)</script>","from":"\\"><img src=x onerror=alert(4)>"}\n'
    other = console.customer(TRICKY, days=FEW_DAYS)
    console.seal(other.login, "2026-09-01", script % (b"e" * 32))
    console.face.publish(other.login, "2026-09-01", name=TRICKY)
    with console.signed_in(other.login) as browser:
        pages = [browser.get(filled(path, other)) for path in PAGES if "zip" not in path and "download" not in path]
        pages += [
            browser.get("/console/files/Messages/2026-09-01"),
            browser.get("/console/files/Messages/2026-09-01/records"),
        ]
        pages.append(browser.get("/console/jobs/new", params={"name": TRICKY, "type": TRICKY, "start": TRICKY}))
        assert all(page.status_code == 200 for page in pages)
        for page in pages:
            assert "<img" not in page.text
            assert page.text.count("<script") == page.text.count("</script>") == 2, "its own, and the library"
        assert sum("&lt;img" in page.text for page in pages) > 5, "it is shown as it is"


def test_no_page_is_framed_kept_or_sent_elsewhere(console: CustomerConsole, acme: Customer) -> None:
    """The policy of each page lets nothing in but itself; nothing of an account is kept by a browser or proxy."""
    with console.signed_in(acme.login) as browser:
        for path in (*PAGES, "/console/sign-in"):
            answer = browser.get(filled(path, acme))
            assert answer.headers["cache-control"] == "no-store", path
            assert answer.headers["x-content-type-options"] == "nosniff"
            if not answer.headers.get("content-type", "").startswith("text/html"):
                continue
            policy = answer.headers["content-security-policy"]
            assert "frame-ancestors 'none'" in policy
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "http" not in policy
            assert answer.headers["referrer-policy"] == "same-origin"
            assert re.findall(r'\sstyle="|\son\w+="|javascript:', answer.text) == []


def test_the_library_is_the_one_script_file(console: CustomerConsole) -> None:
    """It is given to anybody, and may be kept: another version has another name."""
    answer = httpx2.get(f"{console.url}/console/assets/htmx-4.0.1.min.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]
    assert hashlib.sha256(answer.content).hexdigest() == HTMX_SHA256, "as its authors publish it"
    for path in ("/console/assets/htmx-LICENSE.txt", "/console/assets/..%2Fcustomer.py", "/console/assets/"):
        assert httpx2.get(f"{console.url}{path}").status_code == 404, path


def test_a_part_of_a_page_leads_the_whole_of_it_to_the_sign_in(console: CustomerConsole) -> None:
    """The script that looks again must not put a form into the middle of a page."""
    answer = httpx2.get(f"{console.url}/console/jobs", headers={**BROWSER, "HX-Request": "true"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["hx-redirect"].startswith("/console/sign-in?to=%2Fconsole%2Fjobs")
