"""A customer and an operator in a real browser, with a real server and the records of the demo.

Each test fails as well if a page has complained in the console, or has asked another machine for anything: see `a_tab`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from dayfile.model.day import DayRange
from dayfile.model.resource import MESSAGES
from tests.support.browser import a_tab
from tests.support.demo_server import DemoServer, a_demo_server
from tests.support.receiver import receiving
from tests.support.records import Sent
from tests.support.state import a_sid


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoServer]:
    """One server for all tests: no one changes what another looks at."""
    with a_demo_server(tmp_path_factory.mktemp("demo")) as demo:
        yield demo


@pytest.fixture
def customer(demo: DemoServer, tab: Page) -> Page:
    """A tab in which the demo's parent account has signed in."""
    sign_in(tab, f"{demo.url}/console", demo.cast.parent.sid, demo.cast.parent.auth_token)
    return tab


@pytest.fixture
def operator(demo: DemoServer, tab: Page) -> Page:
    """A tab in which the demo's operator has signed in."""
    sign_in(tab, f"{demo.url}/operator", demo.cast.key_sid, demo.cast.key_secret)
    return tab


def sign_in(tab: Page, url: str, username: str, password: str) -> None:
    """Ask for a page, and fill in the form that is shown instead."""
    tab.goto(url)
    tab.get_by_label("sid").fill(username)
    tab.get_by_label("secret").fill(password)
    tab.get_by_role("button", name="Sign in").click()
    tab.wait_for_url(url)


def make_a_job(tab: Page, demo: DemoServer, name: str, *, days: DayRange, webhook: str = "") -> None:
    """Fill in the form for a job, from the overview on; the page of the job follows."""
    tab.goto(f"{demo.url}/console")
    tab.get_by_role("link", name="Make an export").click()
    tab.get_by_label("First day").fill(str(days.first))
    tab.get_by_label("Last day").fill(str(days.last))
    tab.get_by_label("Name").fill(name)
    if webhook:
        tab.get_by_text("Tell somebody when it is done").click()
        tab.get_by_label("Webhook URL").fill(webhook)
    tab.get_by_role("button", name="Make the export").click()
    tab.wait_for_url("**/console/jobs/JS*")


def download(tab: Page, folder: Path) -> bytes:
    """Press the button of a day's page; the file as it is on the disk afterwards."""
    with tab.expect_download() as coming:
        tab.get_by_role("link", name="Download").click()
    coming.value.save_as(folder / coming.value.suggested_filename)
    [file] = folder.glob("AC*-Messages-*.json.gz")
    return file.read_bytes()


def test_a_daily_export_is_switched_on(customer: Page, demo: DemoServer) -> None:
    """One press on the first page; the page of the export then says since when."""
    customer.get_by_role("button", name="Turn it on: daily export of Calls").click()
    expect(customer.get_by_role("button", name="Turn it off: daily export of Calls")).to_be_visible()
    customer.get_by_role("link", name="No webhook for Calls").click()
    expect(customer.get_by_label("Export every day by itself")).to_be_checked()
    expect(customer.get_by_text(re.compile("^On since"))).to_be_visible()


def test_a_job_is_seen_to_finish(customer: Page, demo: DemoServer) -> None:
    """The page is opened once: what it was told then is still there when the job is done."""
    make_a_job(customer, demo, "Seen", days=demo.days)
    state = customer.locator("#state")
    expect(state).to_have_text(f"0 of {len(demo.days)} days done")
    customer.evaluate("window.isTheSamePage = true")
    with demo.working():
        expect(state).to_have_text("Done")
    assert customer.evaluate("window.isTheSamePage")
    expect(customer.get_by_text("Cancel it")).to_be_hidden()
    customer.get_by_role("link", name="See the files").click()
    expect(customer.get_by_role("link", name=str(demo.days.last)).first).to_be_visible()


def test_a_job_is_cancelled(customer: Page, demo: DemoServer) -> None:
    """It is off the list of jobs, and its address leads nowhere."""
    make_a_job(customer, demo, "A mistake", days=demo.days)
    address = customer.url
    customer.get_by_text("Cancel it").click()
    customer.get_by_role("button", name="Cancel this job").click()
    customer.wait_for_url("**/console/jobs?type=Messages")
    expect(customer.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
    expect(customer.get_by_text("A mistake")).to_have_count(0)
    answer = customer.goto(address)
    assert answer is not None
    assert answer.status == 404


def test_a_file_is_previewed_downloaded_and_verified(customer: Page, demo: DemoServer, tmp_path: Path) -> None:
    """The file is the one that its page describes, and its text is that of the records which were sent."""
    day, sid = demo.days.first, demo.cast.parent.sid
    make_a_job(customer, demo, "For download", days=DayRange(first=day, last=day))
    with demo.working():
        expect(customer.locator("#state")).to_have_text("Done")
    customer.goto(f"{demo.url}/console/files/Messages/{day}")
    customer.get_by_role("link", name="Show the first").click()
    lines = list(demo.expectation.lines((sid, MESSAGES, day)))
    expect(customer.locator("table.records tbody tr")).to_have_count(len(lines))
    expect(customer.locator("table.records tbody tr").first).to_contain_text(json.loads(lines[0])["date_created"])
    customer.get_by_role("link", name="Back to the day").click()
    file = download(customer, tmp_path)
    expect(customer.get_by_text(hashlib.sha256(file).hexdigest(), exact=True)).to_be_visible()
    assert gzip.decompress(file) == b"".join(lines)


def test_a_notice_is_seen_and_sent_again(customer: Page, demo: DemoServer) -> None:
    """The receiver gets the same event twice, and the page lists both attempts."""
    with receiving() as hook, demo.working():
        make_a_job(customer, demo, "To be told", days=demo.days, webhook=f"{hook.url}/job")
        expect(customer.locator("#state")).to_have_text("Done")
        for count in (1, 2):
            look_until_delivered(customer, demo, attempts=count)
            if count == 1:
                customer.get_by_role("button", name="Send it again").click()
    first, second = hook.received
    assert first.body == second.body
    assert first.form["FriendlyName"] == "To be told"


def look_until_delivered(tab: Page, demo: DemoServer, *, attempts: int) -> None:
    """Go to the page of the notice, as often as it takes for so many attempts to be listed as delivered."""
    delivered = tab.get_by_role("heading", name="delivered, the answer was 204")
    while delivered.count() < attempts:
        tab.goto(f"{demo.url}/console/notices")
        tab.get_by_role("row").filter(has_text="To be told").get_by_role("link").first.click()
        tab.wait_for_url("**/console/notices/EV*")


def test_an_account_is_created_suspended_and_closed(operator: Page, demo: DemoServer, chromium: Browser) -> None:
    """Its token is shown once; it opens the console until the account is suspended."""
    operator.get_by_role("link", name="Accounts").click()
    operator.get_by_text("Create an account").click()
    operator.get_by_label("Name", exact=True).fill("Umbrella")
    operator.get_by_role("button", name="Create it").click()
    expect(operator.get_by_role("heading", name="Umbrella")).to_be_visible()
    sid = operator.locator('button[data-copy^="AC"]').first.get_attribute("data-copy")
    token = operator.get_by_role("status").locator("code").last.inner_text()
    assert sid is not None
    with a_tab(chromium) as other:
        sign_in(other, f"{demo.url}/console", sid, token)
        operator.get_by_role("button", name="Suspend it").click()
        expect(operator.get_by_text("Account suspended")).to_be_visible()
        other.goto(f"{demo.url}/console/files")
        expect(other.get_by_role("heading", name="Files")).to_have_count(0)
    operator.get_by_text("Close it").click()
    operator.get_by_label("This is for good").check()
    operator.get_by_role("button", name="Close this account").click()
    expect(operator.get_by_text("Account closed")).to_be_visible()
    expect(operator.get_by_role("button", name="Activate it")).to_have_count(0)


def test_rejections_are_tried_again(operator: Page, demo: DemoServer) -> None:
    """A line of an account that nobody had told Dayfile about is accepted once somebody has."""
    account = a_sid("AC", "of nobody")
    at = f"{demo.days.last}T10:00:00Z"
    demo.rejected("Messages", Sent(account=account, name="early", created=at, updated=at).line())
    operator.get_by_role("link", name="Instance").click()
    again = operator.get_by_role("button", name="Try again")
    again.click()
    expect(operator.get_by_text("0 lines accepted, 1 still rejected.")).to_be_visible()
    demo.bring(account)
    again.click()
    expect(operator.get_by_text("1 line accepted, 0 still rejected.")).to_be_visible()
    expect(operator.get_by_text("Every line was accepted.")).to_be_visible()


def test_it_works_without_a_script(demo: DemoServer, chromium: Browser, tmp_path: Path) -> None:
    """Reading, creating and downloading: all of it is links and forms."""
    day, sid = demo.days.last, demo.cast.parent.sid
    with a_tab(chromium, java_script_enabled=False) as tab, demo.working():
        sign_in(tab, f"{demo.url}/console", sid, demo.cast.parent.auth_token)
        make_a_job(tab, demo, "By hand", days=DayRange(first=day, last=day))
        while tab.get_by_role("link", name="Look again").is_visible():
            tab.get_by_role("link", name="Look again").click()
        expect(tab.locator("#state")).to_have_text("Done")
        tab.get_by_role("link", name="See the files").click()
        tab.get_by_role("link", name=str(day)).first.click()
        file = download(tab, tmp_path)
        expect(tab.get_by_text(hashlib.sha256(file).hexdigest(), exact=True)).to_be_visible()
        tab.get_by_role("link", name="Show the first").click()
        expect(tab.locator("table.records tbody tr")).to_have_count(gzip.decompress(file).count(b"\n"))
