"""The console in a real browser: no violation of its policy, no barrier, nothing that needs a script to be read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dayfile.errors import DatabaseUnavailable
from dayfile.store.database import Database
from tests.conftest import ROOT
from tests.support.browser_tab import Tab, a_tab
from tests.support.customer_console import Customer, CustomerConsole, form_token, sign_in

AXE = ROOT / ".venv" / "axe" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="module")
def tab(console: CustomerConsole, acme: Customer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """A browser in which the account is signed in."""
    with a_tab(tmp_path_factory.mktemp("browser")) as tab:
        tab.watch()
        sign_in_with(tab, f"{console.url}/console", *acme.login.basic)
        assert tab.run("location.pathname") == "/console"
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


def barriers(tab: Tab, url: str) -> list[object]:
    """Violations of the rules of WCAG 2.2 up to AA that a program can find (axe), in light and in dark."""
    if not AXE.exists():
        pytest.skip("the checker of accessibility is not installed: make axe")
    axe = AXE.read_text(encoding="utf-8")
    found: list[object] = []
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    for is_dark in (False, True):
        tab.show_as(is_dark=is_dark)
        tab.open(url)
        tab.run(f"{axe}; 0")
        result: dict[str, Any] = tab.run(f"axe.run(document, {{runOnly: {tags}}})")
        assert result["passes"], "it has looked"
        found += [(url, is_dark, one["id"], one["nodes"][0]["html"][:120]) for one in result["violations"]]
    return found


def test_the_pages_of_every_day_have_no_barrier(console: CustomerConsole, acme: Customer, tab: Tab) -> None:
    """These pages are changed most often; the next test looks at all of them."""
    often = ("/console", "/console/files", "/console/jobs/new", f"/console/jobs/{acme.waiting_job}")
    found = [one for path in often for one in barriers(tab, console.url + path)]
    assert found == [], "\n".join(map(str, found))


@pytest.mark.slow
def test_no_page_has_a_barrier(console: CustomerConsole, acme: Customer, tab: Tab) -> None:
    """Customers who cannot see, or use no mouse, get their files as everybody does."""
    found = [one for path in pages(acme) for one in barriers(tab, console.url + path)]
    assert found == [], "\n".join(map(str, found))


def test_no_page_of_the_operator_has_a_barrier(
    console: CustomerConsole, acme: Customer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No page asks for anything elsewhere, and none is wider than a phone."""
    accounts = "/operator/accounts"
    with a_tab(tmp_path_factory.mktemp("browser")) as tab:
        tab.watch()
        sign_in_with(tab, f"{console.url}/console", *console.operator)
        assert tab.run("location.pathname") == "/operator"
        others = ("/operator/keys", "/operator/damage", "/operator/instance", "/operator/audit")
        for path in ("/operator", accounts, f"{accounts}/{acme.sid}", *others):
            found = barriers(tab, console.url + path)
            assert found == [], "\n".join(map(str, found))
            tab.show_as(width=360, height=700)
            assert tab.run("document.documentElement.scrollWidth <= innerWidth"), path
        assert [one for one in tab.requests() if not one.startswith((console.url, "data:", "about:"))] == []
        assert tab.complaints() == []


def sign_in_with(tab: Tab, url: str, username: str, password: str) -> None:
    """Ask for a page and sign in where that leads."""
    tab.open(url)
    fields = f"username.value = '{username}'; password.value = '{password}'"
    tab.submit(f"{fields}; document.querySelector('form button').click()")


def test_pages_ask_for_nothing_else_and_break_no_rule(console: CustomerConsole, acme: Customer, tab: Tab) -> None:
    """No request to elsewhere, no error of a script, no violation of the policy, no line that is wider than a phone."""
    for path in pages(acme):
        tab.show_as(width=360, height=700)
        tab.open(console.url + path)
        assert tab.run("document.documentElement.scrollWidth <= innerWidth"), path
        assert tab.run(SHIFTS) == 0, f"{path}: what is being read moves away"
    elsewhere = [one for one in tab.requests() if not one.startswith((console.url, "data:", "about:"))]
    assert elsewhere == []
    assert [one for one in tab.complaints() if "/nothing-is-here" not in one and "503" not in one] == []


def test_progress_is_shown_by_itself(console: CustomerConsole, tab: Tab, acme: Customer) -> None:
    """A customer who waits for a job sees it end without doing anything; then the page stops asking."""
    console.face.work()  # what waited before
    with console.signed_in(acme.login) as browser:
        form = {"form_token": form_token(browser.get("/console")), "ResourceType": "Messages", "FriendlyName": "live"}
        made = browser.post("/console/jobs/new", data={**form, "StartDay": "2026-10-01", "EndDay": "2026-10-03"})
    tab.open(console.url + made.headers["location"])
    assert tab.run("document.querySelector('#state').textContent") == "0 of 3 days done"
    console.face.work()
    shown = """new Promise(done => { const look = setInterval(() => {
        const text = document.querySelector('#state').textContent;
        if (text === 'Done') { clearInterval(look); done(text); }
    }, 50); })"""
    assert tab.run(shown) == "Done"
    assert tab.run("document.querySelector('[hx-trigger]') === null")
    assert tab.run("document.querySelectorAll('.grid .Completed').length") == 3


def test_a_server_that_is_away_for_a_moment_does_not_end_the_progress(
    console: CustomerConsole, acme: Customer, tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page stays as it is until there is something newer; nobody has to load it again."""

    def away(self: Database) -> None:
        raise DatabaseUnavailable("the state database does not answer")

    looked = "new Promise(done => addEventListener('htmx:after:request', done, {once: true})).then(() => 0)"
    with console.signed_in(acme.login) as browser:
        path = f"/console/jobs/{console.make_job(browser, '2026-10-01', '2026-10-03', 'watched')}"
        token = form_token(browser.get(path))
        tab.open(console.url + path)
        monkeypatch.setattr(Database, "snapshot", away)
        tab.run(looked)
        tab.run(looked)
        monkeypatch.undo()
        assert tab.run("document.querySelector('#state').textContent") == "0 of 3 days done"
        tab.wait_to_be_led(lambda: browser.post(f"{path}/cancel", data={"form_token": token}))
    assert tab.run("location.pathname") == "/console/jobs", "it was cancelled elsewhere"


def test_what_is_copied_is_whole(console: CustomerConsole, acme: Customer, tab: Tab) -> None:
    """A sid is shown short; its button has all of it, and times say what they are where the reader is."""
    tab.open(f"{console.url}/console/jobs")
    assert tab.run("document.querySelector('button[data-copy]').dataset.copy") == acme.sid
    assert not tab.run("document.querySelector('button[data-copy]').hidden")
    assert "where you are" in tab.run("document.querySelector('time').title")


@pytest.mark.parametrize(("path", "button"), [("/console/jobs", "button[data-copy]"), ("/docs", ".code button")])
def test_copying_is_told_to_everybody(console: CustomerConsole, tab: Tab, path: str, button: str) -> None:
    """Also to those who hear the page, and also if the browser does not allow it (WCAG 4.1.3)."""
    tab.open(console.url + path)
    said = tab.run(
        f"""new Promise(done => {{
            new MutationObserver(() => done(told.textContent)).observe(told, {{childList: true}});
            document.querySelector('{button}').click();
        }})"""
    )
    assert said in {"Copied.", "Not copied"}
    assert tab.run("told.getAttribute('role')") == "status"


def test_the_keyboard_reaches_the_content_first(console: CustomerConsole, tab: Tab) -> None:
    """The first stop of the Tab key skips the bar, and what has the focus is seen."""
    tab.open(f"{console.url}/console")
    tab.press("Tab")
    assert tab.run("document.activeElement.className") == "skip"
    assert tab.run("document.activeElement.getBoundingClientRect().left >= 0")
    assert tab.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"


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
def test_the_keyboard_reaches_everything(console: CustomerConsole, tab: Tab, path: str) -> None:
    """A person without a mouse comes by each link and field once, sees where they are, and is held nowhere."""
    tab.show_as()
    tab.open(console.url + path)
    count, stops = tab.run(STOPS), []
    for _ in range(3 * count):
        tab.press("Tab")
        if (stop := tab.run(FOCUSED)) is None:
            break
        stops.append(stop)
    else:
        pytest.fail(f"the focus does not leave the page: {stops[-3:]}")
    assert [what for is_seen, what in stops if not is_seen] == []
    assert len({what for _, what in stops}) > 0.8 * count
    assert len(stops) >= count, "a date has several stops"


def test_it_works_without_a_script(
    console: CustomerConsole, acme: Customer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Reading, making a job and downloading: all of it is links and forms."""
    with console.browser() as browser:
        assert sign_in(browser, *acme.login.basic).status_code == 303
        with a_tab(tmp_path_factory.mktemp("browser"), has_scripts=False) as tab:
            tab.open(f"{console.url}/console/sign-in")
            tab.type_into("#username", acme.sid)
            tab.type_into("#password", acme.login.password)
            tab.click("form button")
            assert "Overview" in tab.text()
            tab.open(f"{console.url}/console/jobs/new")
            tab.click("form button.main")
            assert "As it was asked for" in tab.text()
            assert "Look again" in tab.text()
            tab.open(f"{console.url}/console/files/Messages/2026-11-11")
            assert "Download" in tab.text()
            assert "2026-11-23 12:00 UTC" in tab.text()
