"""Customers in the console: what they see of their days and jobs, what they make, and what they take away."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest

from dayfile.delivery.trial import TRIAL_NAME
from dayfile.model.credential import Permission
from dayfile.model.day import Day, DayRange
from dayfile.model.resource import MESSAGES
from dayfile.store.audit import AuditLine
from tests.support.customer_console import (
    FEW_DAYS,
    Customer,
    CustomerConsole,
    console_for_customers,
    form_token,
    sign_in,
)
from tests.support.face import Login
from tests.support.receiver import answers, receiving

DAY = "2026-11-10"  # has records that came in after it was exported
EMPTY_DAY = "2026-10-27"
NEW_DAY = "2026-11-21"  # sealed, not exported


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CustomerConsole]:
    """One for all tests: each makes an account of its own if it changes anything."""
    folder = tmp_path_factory.mktemp("console")
    with console_for_customers(folder, webhook_allow="127.0.0.0/8") as console:
        yield console


@pytest.fixture(scope="module")
def acme(console: CustomerConsole) -> Customer:
    """An account with something of everything, which no test changes."""
    return console.customer()


@pytest.fixture
def browser(console: CustomerConsole, acme: Customer) -> Iterator[httpx2.Client]:
    """Its browser."""
    with console.signed_in(acme.login) as browser:
        yield browser


def newest_deed(console: CustomerConsole, account: Login) -> AuditLine:
    """The newest line of the audit log about an account."""
    with console.face.database.snapshot() as tx:
        return tx.audit.newest(subject=account.sid, limit=1)[0]


def test_any_credential_signs_in(console: CustomerConsole) -> None:
    """An account's auth token and its keys open the account; an operator's key leads to the operator's page."""
    account = console.account("Globex")
    for login in (account, console.face.api_key(account), console.restricted(account, Permission.EXPORTS_READ)):
        with console.signed_in(login) as browser:
            page = browser.get("/console")
            assert page.status_code == 200
            assert "Globex" in page.text
            assert login.password not in page.text
    with console.browser() as browser:
        answer = sign_in(browser, *console.operator)
        assert (answer.status_code, answer.headers["location"]) == (303, "/operator")
        assert browser.get("/operator").status_code == 200
        assert browser.get("/console").headers["location"] == "/operator", "an operator's key owns no exports"


def test_sign_in_leads_back_to_the_page_that_was_asked_for(console: CustomerConsole, acme: Customer) -> None:
    """A link in a mail works also for who is not signed in yet."""
    wanted = f"/console/files?type=Calls&from={DAY}"
    with console.browser() as browser:
        asked = browser.get(wanted)
        assert asked.status_code == 303
        assert asked.headers["location"] == f"/console/sign-in?to={quote(wanted, safe='')}"
        form = browser.get(asked.headers["location"])
        [to] = re.findall(r'name="to" value="([^"]*)"', form.text)
        assert sign_in(browser, *acme.login.basic, to=to.replace("&amp;", "&")).headers["location"] == wanted


def test_signing_out_ends_the_session(console: CustomerConsole) -> None:
    """In this browser, and for whoever has copied the cookie."""
    with console.signed_in(console.account()) as browser:
        kept = dict(browser.cookies)
        out = browser.post("/console/sign-out", data={"form_token": form_token(browser.get("/console"))})
        assert (out.status_code, out.headers["location"]) == (303, "/console/sign-in")
        browser.cookies.update(kept)
        assert browser.get("/console").status_code == 303


def test_the_calendar_tells_every_state_of_a_day(browser: httpx2.Client) -> None:
    """A file, an empty day, a day that is not exported, a file that is not the newest, and a day that is too new."""
    page = browser.get("/console/files?type=Messages")
    marks = {
        day: (css, told)
        for css, day, told in re.findall(r'class="(\w+)[^"]*"[^>]* title="([\d-]+): ([^"]+)"', page.text)
    }
    assert marks["2026-11-11"][0] == "file"
    assert "records. There is a file" in marks["2026-11-11"][1]
    assert marks[EMPTY_DAY][0] == "empty"
    assert marks[NEW_DAY] == ("missing", "Not exported")
    assert marks[DAY][0] == "newer"
    assert marks["2026-11-22"][0] == "ahead"
    assert "Export 2026-11-19 to 2026-11-21" in page.text, "one step from what is missing to a job"


def test_a_file_that_has_expired_is_told_from_one_that_never_was(
    console: CustomerConsole, acme: Customer, tmp_path: Path
) -> None:
    """What was there last week is asked about first."""
    with console_for_customers(tmp_path, file_lifetime_days=1, concurrent_requests=0) as other:
        account = other.account()
        other.face.publish(account, "2026-11-01")
        other.face.clock.pass_by(other.face.service.settings.file_lifetime)
        with other.signed_in(account) as browser:
            page = browser.get("/console/files")
    assert 'title="2026-11-01: Was exported' in page.text
    assert 'title="2026-11-02: Not exported' in page.text


def test_a_day_shows_its_manifest_and_its_revisions(
    browser: httpx2.Client, console: CustomerConsole, acme: Customer
) -> None:
    """Whoever gets the file from somebody else can tell whether it is whole."""
    page = browser.get(f"/console/files/Messages/{DAY}")
    with console.face.database.snapshot() as tx:
        file = tx.day_files.find(acme.sid, MESSAGES, Day.parse(DAY), now=console.face.clock.now())
        newest = tx.sealed_days.current(acme.sid, MESSAGES, DayRange(first=Day.parse(DAY), last=Day.parse(DAY)))
    assert file is not None
    assert file.sealed is not None
    assert file.sealed.sha256 in page.text
    assert file.sealed.plain_sha256 in page.text
    assert f"{file.sealed.size_bytes:,} bytes" in page.text
    assert (file.sealed.revision, newest[Day.parse(DAY)].revision) == (1, 2)
    assert "the newest is 2" in page.text
    assert f"/v1/Exports/Messages/Days/{DAY}" in page.text
    assert acme.login.password not in page.text


def test_a_download_goes_through_a_link(browser: httpx2.Client, console: CustomerConsole, acme: Customer) -> None:
    """The same link that the API gives, with the same line in the audit log."""
    answer = browser.get("/console/files/Messages/2026-11-11/download")
    assert answer.status_code == 307
    assert answer.headers["location"].startswith(f"{console.url}/v1/Downloads/")
    deed = newest_deed(console, acme.login).deed
    assert (deed.actor, deed.action) == (acme.sid, "link.given")
    assert deed.subject == f"{acme.sid}/Messages/2026-11-11/revision-1"
    file = httpx2.get(answer.headers["location"])
    page = browser.get("/console/files/Messages/2026-11-11")
    assert hashlib.sha256(file.content).hexdigest() in page.text
    assert f'attachment; filename="{acme.sid}-Messages-2026-11-11.json.gz"' in file.headers["content-disposition"]


def test_the_first_records_are_shown_and_that_is_noted(
    browser: httpx2.Client, console: CustomerConsole, acme: Customer
) -> None:
    """Reading them on a page discloses them as a download does."""
    path = "/console/files/Messages/2026-11-11/records"
    page = browser.get(path)
    deed = newest_deed(console, acme.login).deed
    assert (deed.action, deed.subject) == ("records.shown", f"{acme.sid}/Messages/2026-11-11/revision-1")
    assert '<th scope="col">body</th>' in page.text
    chosen = browser.get(path, params={"column": ["sid", "price", "no_such_field"]})
    assert re.findall(r'<th scope="col">(\w+)</th>', chosen.text) == ["sid", "price"]
    link = browser.get("/console/files/Messages/2026-11-11/download").headers["location"]
    lines = gzip.decompress(httpx2.get(link).content).splitlines()
    assert all(re.search(rb'"sid":"(\w+)"', line)[1].decode() in chosen.text for line in lines[:50])  # type: ignore[index]


def test_records_that_are_odd_are_shown_too(console: CustomerConsole) -> None:
    """Half a character, a number of thousands of digits, and more depth than a parser takes: all of it is JSON."""
    account, sid = console.account(), "SM" + "a" * 32
    odd = (
        b'"body":"\\ud83d"',
        b'"price":' + b"9" * 5000,
        b'"extra":' + b"[" * 100_000 + b"]" * 100_000,
        b'"to":{"a":1}',
    )
    console.seal(account, "2026-11-01", b"".join(b'{"sid":"%s",%s}\n' % (sid.encode(), one) for one in odd))
    console.face.publish(account, "2026-11-01")
    with console.signed_in(account) as browser:
        columns = {"column": ["sid", "body", "price", "to"]}
        page = browser.get("/console/files/Messages/2026-11-01/records", params=columns)
    assert page.status_code == 200
    cells = re.findall(r"<td>(.*?)</td>", page.text)
    assert cells == [
        sid,
        "?",
        "",
        "",
        sid,
        "",
        "9" * 80 + "…",
        "",
        "",
        "",
        "",
        "",
        sid,
        "",
        "",
        "{&#34;a&#34;: &#34;1&#34;}",
    ]


def test_several_files_come_as_one_archive(browser: httpx2.Client, console: CustomerConsole, acme: Customer) -> None:
    """Each as a link would give it, and their hashes as a file that sha256sum reads; an empty day is a file, too."""
    days = ["2026-11-11", EMPTY_DAY]
    answer = browser.get("/console/files/zip", params={"type": "Messages", "day": days})
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].endswith(f'{acme.sid}-Messages-{EMPTY_DAY}-to-2026-11-11.zip"')
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = [f"{acme.sid}-Messages-{day}.json.gz" for day in sorted(days)]
        assert archive.namelist() == [*names, "SHA256SUMS"]
        sums = [f"{hashlib.sha256(archive.read(name)).hexdigest()}  {name}\n" for name in names]
        assert archive.read("SHA256SUMS").decode() == "".join(sums)
        assert gzip.decompress(archive.read(names[0])) == b""
        assert gzip.decompress(archive.read(names[1])).count(b"\n") > 1
    with console.face.database.snapshot() as tx:
        noted = [line.deed.subject for line in tx.audit.newest(subject=acme.sid, limit=2)]
    assert noted == [f"{acme.sid}/Messages/2026-11-11/revision-1", f"{acme.sid}/Messages/{EMPTY_DAY}/empty"]


def test_an_archive_of_days_that_are_not_there_is_none(browser: httpx2.Client) -> None:
    """The error names the first of them; nothing is sent that looks like a file."""
    answer = browser.get("/console/files/zip", params={"type": "Messages", "day": ["2026-11-11", NEW_DAY]})
    assert answer.status_code == 404
    assert f"no file of Messages for {NEW_DAY}" in answer.text


def test_a_damaged_file_breaks_its_archive_off(console: CustomerConsole) -> None:
    """A program that opens what has come by then must not take it for a whole archive."""
    account = console.account()
    console.face.seal(account, "2026-11-01", b"x\n" * 10)
    sealed = console.face.seal(account, "2026-11-02", b"y\n" * 10)
    console.face.publish(account, "2026-11-01", "2026-11-02")
    path = console.face.storage.path(sealed.key)
    assert path is not None
    path.chmod(0o600)
    path.write_bytes(b"z" * sealed.size_bytes)
    got = bytearray()
    with console.signed_in(account) as browser, pytest.raises(httpx2.RemoteProtocolError):
        _receive(browser, "/console/files/zip?type=Messages", into=got)
    assert got.startswith(b"PK")
    assert not zipfile.is_zipfile(io.BytesIO(got))


def test_a_job_is_made_followed_and_run_again(console: CustomerConsole) -> None:
    """By the stage of the API: with its quota, its place in the queue and its line in the audit log."""
    account = console.account()
    with console.signed_in(account) as browser:
        page = browser.get("/console/jobs/new")
        assert "366 days" in page.text
        assert 'max="2026-11-21"' in page.text
        for name in ("Last week", "Last month (31 days)", "This year (325 days)"):
            assert name in page.text
        made = _make_job(browser, StartDay="2026-10-01", EndDay="2026-10-31", FriendlyName="October")
        assert made.status_code == 303
        job = browser.get(made.headers["location"])
        assert "0 of 31 days done" in job.text
        assert "in the queue" in job.text or "ahead of it" in job.text
        assert 'hx-trigger="every 2s"' in job.text
        assert newest_deed(console, account).deed.action == "job.created"
        assert "335 days" in browser.get("/console/jobs/new").text
        console.face.work()
        over = browser.get(made.headers["location"])
        assert ">Done</h2>" in over.text
        assert "hx-trigger" not in over.text, "nobody asks again once it is over"
        again = browser.get(re.findall(r'href="(/console/jobs/new\?again=\w+)"', over.text)[0])
        assert 'value="2026-10-01"' in again.text
        assert 'value="October"' in again.text


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"StartDay": "2026-11-22", "EndDay": "2026-11-22"}, "at least two days before today"),
        ({"StartDay": "2026-11-02", "EndDay": "2026-11-01"}, "must not be after EndDay"),
        ({"FriendlyName": ""}, "must have 1 to 256 characters"),
        ({"StartDay": "2020-01-01"}, "are left for the account"),
        ({"WebhookUrl": "ftp://x"}, "must be an absolute http or https URL"),
        ({"WebhookUrl": "http://10.0.0.1/"}, "WebhookUrl"),
        ({"Email": "nobody"}, "Email"),
        ({"ResourceType": "Faxes"}, "There is no resource type"),
    ],
)
def test_a_form_that_breaks_a_rule_comes_back_with_it(
    browser: httpx2.Client, changed: dict[str, str], rule: str
) -> None:
    """With what was typed: nobody types a form twice."""
    answer = _make_job(browser, **changed)
    assert answer.status_code == 400
    [said] = re.findall(r'<p class="problem" role="alert">(.*?)</p>', answer.text)
    assert rule in said
    assert f'value="{changed.get("EndDay", "2026-11-02")}"' in answer.text


def test_a_job_is_cancelled(console: CustomerConsole) -> None:
    """It is off the list, and what it has published stays."""
    account = console.account()
    with console.signed_in(account) as browser:
        path = _make_job(browser).headers["location"]
        cancelled = browser.post(f"{path}/cancel", data={"form_token": form_token(browser.get(path))})
        assert cancelled.headers["location"] == "/console/jobs?type=Messages"
        assert browser.get(path).status_code == 404
        assert newest_deed(console, account).deed.action == "job.deleted"


def test_a_failed_day_has_a_way_out_and_tells_no_secrets(browser: httpx2.Client, acme: Customer) -> None:
    """The reason is the operator's; the customer runs the failed days again."""
    page = browser.get(f"/console/jobs/{acme.failed_job}")
    assert "2 days failed" in page.text
    assert "onerror" not in page.text
    again = browser.get(f"/console/jobs/new?again={acme.failed_job}")
    assert 'name="StartDay" value="2026-10-01"' in again.text
    assert 'name="EndDay" value="2026-10-02"' in again.text


def test_daily_exports_are_switched_and_told(console: CustomerConsole) -> None:
    """By the stage of the API: the webhook stays when the export is turned off."""
    account = console.account()
    with console.signed_in(account) as browser, receiving(answers(200)) as hook:
        token = form_token(browser.get("/console/daily/Calls"))
        form = {"form_token": token, "Enabled": "true", "WebhookUrl": hook.url, "WebhookMethod": "POST"}
        saved = browser.post("/console/daily/Calls", data=form)
        assert saved.headers["location"] == "/console/daily/Calls?saved=yes"
        assert "On since" in browser.get(saved.headers["location"]).text
        off = browser.post("/console/daily/Calls/switch", data={"form_token": token, "Enabled": "false"})
        assert off.headers["location"] == "/console"
        page = browser.get("/console/daily/Calls").text
        assert "Off." in page
        assert hook.url in page
        assert hook.received == [], "nothing is told by saving it"


def test_a_webhook_is_tried_before_it_is_saved(console: CustomerConsole) -> None:
    """Signed as real notices are; what came of it is shown, and the configuration is as it was."""
    account = console.account()
    with console.signed_in(account) as browser, receiving(answers(200, "<b>ok</b>"), answers(503, "later")) as hook:
        token = form_token(browser.get("/console/daily/Messages"))
        form = {"form_token": token, "Enabled": "true", "WebhookUrl": f"{hook.url}/day", "WebhookMethod": "POST"}
        good = browser.post("/console/daily/Messages/test", data=form)
        assert "The receiver answered 200" in good.text
        assert "&lt;b&gt;ok&lt;/b&gt;" in good.text
        assert hook.received[0].form["FriendlyName"] == TRIAL_NAME
        assert "x-twilio-signature" in hook.received[0].headers
        bad = browser.post("/console/daily/Messages/test", data=form)
        assert "the receiver answered 503" in bad.text
        assert newest_deed(console, account).deed.action == "webhook.tried"
        refused = browser.post("/console/daily/Messages/test", data={**form, "WebhookUrl": "http://10.0.0.1/"})
        assert (refused.status_code, len(hook.received)) == (400, 2)
    with console.face.database.snapshot() as tx:
        assert not tx.configurations.get(account.sid, MESSAGES).is_enabled
        assert tx.notices.page(account=account.sid, limit=1) == []


def test_a_notice_shows_its_attempts_and_is_replayed(console: CustomerConsole) -> None:
    """Also one that waits for its next attempt: it is made now."""
    acme = console.customer("Initech", days=FEW_DAYS)
    with console.signed_in(acme.login) as browser:
        assert acme.notice in browser.get("/console/notices?state=pending").text
        page = browser.get(f"/console/notices/{acme.notice}")
        assert "the answer was 500" in page.text
        assert "Try it now" in page.text
        told = browser.post(f"/console/notices/{acme.notice}/replay", data={"form_token": form_token(page)})
        assert told.headers["location"] == f"/console/notices/{acme.notice}"
        assert newest_deed(console, acme.login).deed.action == "notice.replayed"
        assert browser.get("/console/notices?state=delivered").text.count("/console/notices/EV") == 0


def test_pages_are_small(browser: httpx2.Client, acme: Customer) -> None:
    """Sixty thousand bytes arrive on a bad connection, too: so many days, records or rows are on no page."""
    for path in (
        *(
            "/console",
            "/console/files?type=Messages&from=2026-05-22&to=2026-11-23",
            "/console/jobs",
            "/console/notices",
        ),
        *(
            "/console/notices",
            f"/console/files/Messages/{DAY}",
            f"/console/files/Messages/{DAY}/records",
            "/console/daily/Calls",
        ),
        *(f"/console/jobs/{acme.waiting_job}", f"/console/notices/{acme.notice}", "/console/jobs/new"),
    ):
        page = browser.get(path)
        assert page.status_code == 200, path
        assert len(page.content) < 60_000, path


def test_an_empty_account_is_told_what_to_do(console: CustomerConsole) -> None:
    """Each list that is empty says what fills it."""
    with console.signed_in(console.account()) as browser:
        assert "Make an export" in browser.get("/console/files").text
        assert "Make an export" in browser.get("/console/jobs").text
        assert "set one up" in browser.get("/console/notices").text
        assert "No records were sealed" in browser.get("/console").text


def _receive(browser: httpx2.Client, path: str, *, into: bytearray) -> None:
    with browser.stream("GET", path) as answer:
        for block in answer.iter_bytes():
            into += block


def _make_job(browser: httpx2.Client, **changed: str) -> httpx2.Response:
    fields = {
        "form_token": form_token(browser.get("/console/jobs/new")),
        "ResourceType": "Messages",
        "StartDay": "2026-11-01",
        "EndDay": "2026-11-02",
        "FriendlyName": "a job",
        "WebhookUrl": "",
        "WebhookMethod": "POST",
        "Email": "",
    }
    return browser.post("/console/jobs/new", data=fields | changed)
