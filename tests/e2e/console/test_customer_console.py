"""Customers in the console: what they see of their days and jobs, what they make, and what they take away."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest

from dayfile.console.records import columns_of
from dayfile.delivery.trial import TRIAL_NAME
from dayfile.model.credential import Actor, Permission
from dayfile.model.day import Day, DayRange
from dayfile.model.export import ConfigurationChange
from dayfile.model.resource import MESSAGES, RESOURCE_TYPES
from tests.support.customer_console import (
    EMPTY_DAY,
    FEW_DAYS,
    LATE_DAY,
    NEW_DAY,
    TRICKY,
    Customer,
    CustomerConsole,
    console_for_customers,
    form_token,
    newest_deed,
    sign_in,
)
from tests.support.receiver import answers, receiving
from tests.support.shown_calendar import shown_days


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
    """A link in a mail works for a customer who is not signed in yet, too."""
    wanted = f"/console/files?type=Calls&from={LATE_DAY}"
    with console.browser() as browser:
        asked = browser.get(wanted)
        assert asked.status_code == 303
        assert asked.headers["location"] == f"/console/sign-in?to={quote(wanted, safe='')}"
        form = browser.get(asked.headers["location"])
        [to] = re.findall(r'name="to" value="([^"]*)"', form.text)
        assert sign_in(browser, *acme.login.basic, to=to.replace("&amp;", "&")).headers["location"] == wanted


def test_signing_out_ends_the_session(console: CustomerConsole) -> None:
    """The session ends in this browser, and for anybody who has copied the cookie."""
    with console.signed_in(console.account()) as browser:
        kept = dict(browser.cookies)
        out = browser.post("/console/sign-out", data={"form_token": form_token(browser.get("/console"))})
        assert (out.status_code, out.headers["location"]) == (303, "/console/sign-in")
        browser.cookies.update(kept)
        assert browser.get("/console").status_code == 303


def test_the_calendar_tells_every_state_of_a_day(browser: httpx2.Client) -> None:
    """A file, an empty day, a day that is not exported, a file that is not the newest, and a day that is too new."""
    page = browser.get("/console/files?type=Messages")
    marks = shown_days(page.text)
    assert marks["2026-11-11"][0] == "file"
    assert re.fullmatch("[0-9]+ records", marks["2026-11-11"][1])
    assert marks[EMPTY_DAY][0] == "empty"
    assert marks[NEW_DAY] == ("missing", "not exported")
    assert marks[LATE_DAY][0] == "newer"
    assert marks["2026-11-22"][0] == "ahead"
    assert "Export 2026-11-19 to 2026-11-21" in page.text, "one step from what is missing to a job"


def test_the_calendar_leads_to_the_days_before_and_after(browser: httpx2.Client) -> None:
    """Years are a few steps, none of which leaves a day out; there is nothing before the first day, nor after today."""
    page = browser.get("/console/files?from=2026-09-01&to=2026-10-31").text
    assert 'from=2026-07-02&amp;to=2026-08-31">Earlier days</a>' in page
    assert 'from=2026-11-01&amp;to=2026-11-23">Later days</a>' in page
    assert "Later days" not in browser.get("/console/files").text
    assert "Earlier days" not in browser.get("/console/files?from=2010-01-01&to=2010-03-01").text
    assert browser.get("/console/files?from=0001-01-01&to=0001-01-02").status_code == 200
    future = browser.get("/console/files?from=9999-12-30&to=9999-12-31").text
    assert 'from=2026-11-22&amp;to=2026-11-23">Earlier days</a>' in future


def test_a_range_that_is_too_long_stays_as_it_was_typed(browser: httpx2.Client) -> None:
    """To shorten it, nobody has to type it again."""
    page = browser.get("/console/files?from=2025-01-01&to=2026-11-01")
    assert page.status_code == 400
    assert "at most 366 days" in page.text
    assert re.findall('type="date" name="[a-z]+" value="([0-9-]+)"', page.text) == ["2025-01-01", "2026-11-01"]


def test_a_year_is_on_one_page_and_leads_to_each_day(browser: httpx2.Client) -> None:
    """A gap in the files of last year is seen at once."""
    page = browser.get("/console/files?type=Messages&from=2025-11-21&to=2026-11-21")
    assert len(shown_days(page.text)) == 366
    [path] = re.findall(r"<a [^>]*href=(\S+2026-11-11) ", page.text)
    assert browser.get(str(page.url.join(path))).status_code == 200


def test_a_file_that_has_expired_is_told_from_one_that_never_was(
    console: CustomerConsole, acme: Customer, tmp_path: Path
) -> None:
    """A file that was there last week is the first that customers ask about."""
    with console_for_customers(tmp_path, file_lifetime_days=1, concurrent_requests=0) as other:
        account = other.account()
        other.face.publish(account, "2026-11-01")
        other.face.clock.pass_by(other.face.service.settings.file_lifetime)
        with other.signed_in(account) as browser:
            page = browser.get("/console/files")
    marks = shown_days(page.text)
    assert (marks["2026-11-01"], marks["2026-11-02"]) == (("expired", "expired"), ("missing", "not exported"))


def test_a_day_shows_its_manifest_and_its_revisions(
    browser: httpx2.Client, console: CustomerConsole, acme: Customer
) -> None:
    """Anybody who gets the file from somebody else can tell whether it is whole."""
    page = browser.get(f"/console/files/Messages/{LATE_DAY}")
    with console.face.database.snapshot() as tx:
        file = tx.day_files.find(acme.sid, MESSAGES, Day.parse(LATE_DAY), now=console.face.clock.now())
        newest = tx.sealed_days.current(
            acme.sid, MESSAGES, DayRange(first=Day.parse(LATE_DAY), last=Day.parse(LATE_DAY))
        )
    assert file is not None
    assert file.sealed is not None
    assert file.sealed.sha256 in page.text
    assert file.sealed.plain_sha256 in page.text
    assert f"{file.sealed.size_bytes:,} bytes" in page.text
    assert (file.sealed.revision, newest[Day.parse(LATE_DAY)].revision) == (1, 2)
    assert "the newest is 2" in page.text
    assert f"/v1/Exports/Messages/Days/{LATE_DAY}" in page.text
    assert acme.login.password not in page.text


def test_a_job_is_made_followed_and_run_again(console: CustomerConsole) -> None:
    """The stage of the API makes it: with its quota, its place in the queue and its line in the audit log."""
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
        assert re.search(r"It is the next in the queue|[0-9]+ jobs? (is|are) ahead of it", job.text)
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
    """The form keeps what was typed: nobody types a form twice."""
    answer = _make_job(browser, **changed)
    assert answer.status_code == 400
    [said] = re.findall(r'<p class="problem" role="alert">(.*?)</p>', answer.text)
    assert rule in said
    assert f'value="{changed.get("EndDay", "2026-11-02")}"' in answer.text


def test_a_form_that_lacks_fields_comes_back_too(browser: httpx2.Client) -> None:
    """A program may send any part of the form; the first rule that it breaks is told."""
    form = {"form_token": form_token(browser.get("/console/jobs/new")), "ResourceType": "Messages"}
    answer = browser.post("/console/jobs/new", data={**form, "WebhookMethod": "POST"})
    assert answer.status_code == 400
    assert '<p class="problem" role="alert">' in answer.text


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
    [path] = again_paths(page)
    again = browser.get(path)
    assert 'name="StartDay" value="2026-10-01"' in again.text
    assert 'name="EndDay" value="2026-10-02"' in again.text


def again_paths(page: httpx2.Response) -> list[str]:
    """The forms to which a page leads for days that have failed."""
    found = re.findall(r'href="(/console/jobs/new\?again=\w+&amp;start=[^"]+)"', page.text)
    return [path.replace("&amp;", "&") for path in found]


def test_only_the_days_that_failed_run_again(console: CustomerConsole) -> None:
    """Days between them that went well cost no quota a second time; all days are offered, too, and say how many."""
    account = console.account()
    with console.signed_in(account) as browser:
        console.face.work()
        sid = console.make_job(browser, "2026-10-01", "2026-10-06", "Gaps")
        console.fail(sid, which=(0, 1, 4))
        page = browser.get(f"/console/jobs/{sid}")
        ranges = [
            re.findall(r'(?:Start|End)Day" value="([^"]+)"', browser.get(path).text) for path in again_paths(page)
        ]
        assert ranges == [["2026-10-01", "2026-10-02"], ["2026-10-05", "2026-10-05"]]
        assert "Run 2026-10-01 to 2026-10-02 again" in page.text
        assert "Run all 6 days again" in page.text


def test_daily_exports_are_switched_and_told(console: CustomerConsole) -> None:
    """The stage of the API does it: the webhook stays when the export is turned off."""
    account = console.account()
    with console.signed_in(account) as browser, receiving(answers(200)) as hook:
        token = form_token(browser.get("/console/daily/Calls"))
        form = {"form_token": token, "Enabled": "true", "WebhookUrl": hook.url, "WebhookMethod": "POST"}
        saved = browser.post("/console/daily/Calls", data=form)
        assert saved.headers["location"] == "/console/daily/Calls?saved=yes"
        assert "On since" in browser.get(saved.headers["location"]).text
        for day in ("0001-01-01", "9999-12-30", "9999-12-31"):
            assert browser.get(f"/console/files/Calls/{day}").status_code == 200, "the calendar's ends are days, too"
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
    """A notice that waits for its next attempt can be replayed, too: the attempt is made now."""
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


def test_the_largest_pages_are_small(console: CustomerConsole) -> None:
    """Sixty thousand bytes arrive on a bad connection, too, however much there is and however long it is."""
    account, last = console.account(TRICKY), Day.parse("2026-11-21")
    odd = "&" * 255
    field = ",".join(f'"{name}":"{odd}"' for name in columns_of(MESSAGES)).encode()
    for day in DayRange(first=last - 3, last=last):
        console.seal(account, str(day), b"{%s}\n" % field * 60)
    console.face.publish(account, str(last - 363), str(last), name=odd)
    for day in DayRange(first=last - 24, last=last):
        console.seal(account, str(day), b"{}\n" * 70)  # after they were exported
    url = f"https://hooks.example/{odd}{odd}{odd}"
    change = ConfigurationChange(enabled=True, webhook_url=url, webhook_method="POST")
    for kind in RESOURCE_TYPES:
        console.face.service.context.configuring.change(account.sid, kind, change, actor=Actor(name=account.sid))
    with console.signed_in(account) as browser:
        year = _make_job(browser, StartDay="2026-05-01", EndDay="2026-10-30", FriendlyName=odd, WebhookUrl=url)
        for _ in range(30):
            _make_job(browser, FriendlyName=odd, WebhookUrl=url)
        console.face.work()
        every = {"column": columns_of(MESSAGES)}
        sizes = {
            path: len(browser.get(path, params=query).content)
            for path, query in {
                "/console": {},
                "/console/files?type=Messages&from=2025-11-23&to=2026-11-23": {},
                "/console/files/Messages/2026-11-21": {},
                "/console/files/Messages/2026-11-21/records": every,
                "/console/jobs": {},
                year.headers["location"]: {},
                "/console/jobs/new": {},
                "/console/daily/Messages": {},
                "/console/notices": {},
            }.items()
        }
    assert {path: size for path, size in sizes.items() if size >= 60_000} == {}
    assert min(sizes.values()) > 15_000, "none of them is an error"


def test_an_empty_account_is_told_what_to_do(console: CustomerConsole) -> None:
    """Each list that is empty says what fills it."""
    with console.signed_in(console.account()) as browser:
        assert "Make an export" in browser.get("/console/files").text
        assert "Make an export" in browser.get("/console/jobs").text
        assert "set one up" in browser.get("/console/notices").text
        assert "No records were sealed" in browser.get("/console").text


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
