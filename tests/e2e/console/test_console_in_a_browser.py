"""The console in a real browser: no violation of its policy, no barrier, nothing that needs a script to be read.

Each test fails as well if a page has complained in the console, or has asked another machine for anything: see `a_tab`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from dayfile.errors import DatabaseUnavailable
from dayfile.store.database import Database
from tests.conftest import ROOT
from tests.support.browser import DESKTOP, PHONE, a_tab
from tests.support.customer_console import Customer, CustomerConsole, form_token

AXE = ROOT / ".venv" / "axe" / "node_modules" / "axe-core" / "axe.min.js"


def sign_in_with(tab: Page, url: str, username: str, password: str) -> None:
    """Ask for a page and sign in where that leads."""
    tab.goto(url)
    tab.get_by_label("sid").fill(username)
    tab.get_by_label("secret").fill(password)
    tab.get_by_role("button", name="Sign in").click()
    expect(tab.get_by_role("button", name="Sign out")).to_be_visible()


@pytest.fixture(scope="module")
def session(console: CustomerConsole, acme: Customer, chromium: Browser) -> StorageState:
    """The cookie of a browser in which the account has signed in."""
    with a_tab(chromium) as tab:
        sign_in_with(tab, f"{console.url}/console", *acme.login.basic)
        assert tab.url == f"{console.url}/console"
        return tab.context.storage_state()


@pytest.fixture
def tab(chromium: Browser, session: StorageState) -> Iterator[Page]:
    """A tab of a browser in which the account is signed in."""
    with a_tab(chromium, storage_state=session) as tab:
        yield tab


SHIFTS = """new Promise(done => {
    let sum = 0;
    const add = entries => entries.forEach(one => { sum += one.value; });
    const observer = new PerformanceObserver(list => add(list.getEntries()));
    observer.observe({type: 'layout-shift', buffered: true});
    requestAnimationFrame(() => setTimeout(() => { add(observer.takeRecords()); done(sum); }));
})"""
"""Return by how much the content of a page has jumped since it was opened, as browsers measure it."""


def pages(acme: Customer) -> list[str]:
    """All pages that an account sees, those of everybody, and errors."""
    return [
        *("/console", "/console/files", "/console/files/Messages/2026-11-10", "/console/files/Messages/2026-11-22"),
        *("/console/files/Messages/2026-11-10/records", "/console/jobs", "/console/jobs?type=Calls"),
        *("/console/jobs/new", f"/console/jobs/{acme.waiting_job}", f"/console/jobs/{acme.failed_job}"),
        *("/console/daily/Messages", "/console/notices", "/console/notices?state=exhausted"),
        *(f"/console/notices/{acme.notice}", "/console/sign-in", "/", "/docs", "/errors/20404", "/nothing-is-here"),
    ]


LOOK = """axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    resultTypes: ["violations"],
}).then(({passes, violations}) => ({
    passes: passes.length,
    violations: violations.map(one => [one.id, one.nodes[0].html.slice(0, 120)]),
}))"""
"""Return how many rules a page follows, and which it breaks where."""


def barriers(tab: Page, url: str) -> list[object]:
    """Violations of the rules of WCAG 2.2 up to AA that a program can find (axe), in light and in dark."""
    if not AXE.exists():
        pytest.skip("the checker of accessibility is not installed: make axe")
    axe = AXE.read_text(encoding="utf-8")
    found: list[object] = []
    for is_dark in (False, True):
        tab.emulate_media(color_scheme="dark" if is_dark else "light")
        tab.goto(url)
        result: dict[str, Any] = tab.evaluate(f"{axe};\n{LOOK}")
        assert result["passes"], "it has looked"
        found += [(url, is_dark, *one) for one in result["violations"]]
    return found


def test_the_pages_of_every_day_have_no_barrier(console: CustomerConsole, acme: Customer, tab: Page) -> None:
    """These pages are changed most often; the next test looks at all of them."""
    often = ("/console", "/console/files", "/console/jobs/new", f"/console/jobs/{acme.waiting_job}")
    found = [one for path in often for one in barriers(tab, console.url + path)]
    assert found == [], "\n".join(map(str, found))


@pytest.mark.slow
def test_no_page_has_a_barrier(console: CustomerConsole, acme: Customer, tab: Page) -> None:
    """Customers who cannot see, or use no mouse, get their files as everybody does."""
    found = [one for path in pages(acme) for one in barriers(tab, console.url + path)]
    assert found == [], "\n".join(map(str, found))


def test_no_page_of_the_operator_has_a_barrier(console: CustomerConsole, acme: Customer, chromium: Browser) -> None:
    """No page asks for anything elsewhere, and none is wider than a phone."""
    accounts = "/operator/accounts"
    with a_tab(chromium) as tab:
        sign_in_with(tab, f"{console.url}/console", *console.operator)
        assert tab.url == f"{console.url}/operator"
        others = ("/operator/keys", "/operator/damage", "/operator/instance", "/operator/audit")
        for path in ("/operator", accounts, f"{accounts}/{acme.sid}", *others):
            tab.set_viewport_size(DESKTOP)
            found = barriers(tab, console.url + path)
            assert found == [], "\n".join(map(str, found))
            tab.set_viewport_size(PHONE)
            assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_pages_ask_for_nothing_else_and_break_no_rule(console: CustomerConsole, acme: Customer, tab: Page) -> None:
    """No request to elsewhere, no error of a script, no violation of the policy, no line that is wider than a phone."""
    tab.set_viewport_size(PHONE)
    for path in pages(acme):
        tab.goto(console.url + path)
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert tab.evaluate(SHIFTS) == 0, f"{path}: what is being read moves away"


def test_progress_is_shown_by_itself(console: CustomerConsole, tab: Page, acme: Customer) -> None:
    """A customer who waits for a job sees it end without doing anything; then the page stops asking."""
    console.face.work()  # what waited before
    with console.signed_in(acme.login) as browser:
        form = {"form_token": form_token(browser.get("/console")), "ResourceType": "Messages", "FriendlyName": "live"}
        made = browser.post("/console/jobs/new", data={**form, "StartDay": "2026-10-01", "EndDay": "2026-10-03"})
    tab.goto(console.url + made.headers["location"])
    expect(tab.locator("#state")).to_have_text("0 of 3 days done")
    link = tab.get_by_role("link", name="All jobs")
    link.focus()
    console.face.work()
    expect(tab.locator("#state")).to_have_text("Done")
    expect(tab.get_by_role("link", name="See the files")).to_be_visible()
    expect(link).to_be_focused()  # whoever stands there with the keyboard stays there
    expect(tab.locator("[hx-trigger]")).to_have_count(0)
    expect(tab.locator(".grid .Completed")).to_have_count(3)


def test_a_server_that_is_away_for_a_moment_does_not_end_the_progress(
    console: CustomerConsole, acme: Customer, tab: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page stays as it is until there is something newer; nobody has to load it again."""

    def away(self: Database) -> None:
        raise DatabaseUnavailable("the state database does not answer")

    with console.signed_in(acme.login) as browser:
        path = f"/console/jobs/{console.make_job(browser, '2026-10-01', '2026-10-03', 'watched')}"
        token = form_token(browser.get(path))
        tab.goto(console.url + path)
        monkeypatch.setattr(Database, "snapshot", away)
        for _ in range(2):
            with tab.expect_response(lambda answer: answer.status == 503):
                pass
        monkeypatch.undo()
        expect(tab.locator("#state")).to_have_text("0 of 3 days done")
        browser.post(f"{path}/cancel", data={"form_token": token})
        tab.wait_for_url("**/console/jobs")  # it was cancelled elsewhere


def test_what_is_copied_is_whole(console: CustomerConsole, acme: Customer, tab: Page) -> None:
    """A sid is shown short; its button has all of it, and times say what they are where the reader is."""
    tab.goto(f"{console.url}/console/jobs")
    button = tab.locator("button[data-copy]").first
    expect(button).to_have_attribute("data-copy", acme.sid)
    expect(button).to_be_visible()
    expect(tab.locator("time").first).to_have_attribute("title", re.compile("where you are"))


@pytest.mark.parametrize(("path", "button"), [("/console/jobs", "button[data-copy]"), ("/docs", ".code button")])
@pytest.mark.parametrize(("permissions", "said"), [(["clipboard-write"], "Copied."), ([], "Not copied")])
def test_copying_is_told_to_everybody(
    console: CustomerConsole, tab: Page, *, path: str, button: str, permissions: list[str], said: str
) -> None:
    """Also to those who hear the page, and also if the browser does not allow it (WCAG 4.1.3)."""
    tab.context.grant_permissions(permissions)
    tab.goto(console.url + path)
    tab.locator(button).first.click()
    expect(tab.locator("#told")).to_have_text(said)
    expect(tab.locator("#told")).to_have_role("status")


def test_the_keyboard_reaches_the_content_first(console: CustomerConsole, tab: Page) -> None:
    """The first stop of the Tab key skips the bar, and what has the focus is seen."""
    tab.goto(f"{console.url}/console")
    tab.keyboard.press("Tab")
    skip = tab.locator(".skip")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    expect(skip).to_have_css("outline-style", "solid")


STOPS = """(() => {
    const kinds = 'a[href], button:not([hidden]), input:not([type=hidden]), select, summary, [tabindex="0"]';
    return [...document.querySelectorAll(kinds)].filter(one => one.checkVisibility({visibilityProperty: true})).length;
})()"""
FOCUSED = """(() => {
    const one = document.activeElement, box = one.getBoundingClientRect();
    const marked = [...document.querySelectorAll('*')].filter(each => getComputedStyle(each).outlineStyle !== 'none');
    const seen = marked.length === 1 && marked[0] === one && box.width > 0 && box.right > 0;
    return one === document.body ? null : [seen, one.outerHTML.slice(0, 80)];
})()"""
"""The stop of the Tab key, and whether it is the one that is marked; None on none."""


@pytest.mark.parametrize("path", ["/console", "/console/jobs/new", "/console/daily/Messages"])
def test_the_keyboard_reaches_everything(console: CustomerConsole, tab: Page, path: str) -> None:
    """A person without a mouse comes by each link and field once, sees where they are, and is held nowhere."""
    tab.goto(console.url + path)
    count, stops = tab.evaluate(STOPS), []
    for _ in range(3 * count):
        tab.keyboard.press("Tab")
        if (stop := tab.evaluate(FOCUSED)) is None:
            break
        stops.append(stop)
    else:
        pytest.fail(f"the focus does not leave the page: {stops[-3:]}")
    assert [what for is_seen, what in stops if not is_seen] == []
    assert len({what for _, what in stops}) > 0.8 * count
    assert len(stops) >= count, "a date has several stops"


def test_it_works_without_a_script(console: CustomerConsole, acme: Customer, chromium: Browser) -> None:
    """Reading and making a job: all of it is links and forms."""
    with a_tab(chromium, java_script_enabled=False) as tab:
        sign_in_with(tab, f"{console.url}/console", *acme.login.basic)
        expect(tab).to_have_title(re.compile("Overview"))
        tab.goto(f"{console.url}/console/jobs/new")
        tab.get_by_role("button", name="Make the export").click()
        expect(tab.get_by_text("As it was asked for")).to_be_visible()
        expect(tab.get_by_role("link", name="Look again")).to_be_visible()
        tab.goto(f"{console.url}/console/files/Messages/2026-11-11")
        expect(tab.get_by_role("link", name="Download")).to_be_visible()
        expect(tab.get_by_text("2026-11-23 12:00 UTC").first).to_be_visible()
