"""The pages of the API for browsers: its reference, and its error codes."""

from __future__ import annotations

import base64
import hashlib
import html
import re

import httpx2
import pytest
from playwright.sync_api import Page, expect

from dayfile import __version__
from dayfile.api.app import OPERATIONS
from dayfile.api.error_table import BY_CODE
from tests.support.browser import DESKTOP, PHONE
from tests.support.documented import DOCUMENT
from tests.support.face import Face

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PAGES = ("/docs", *(f"/errors/{code}" for code in BY_CODE))


def page(face: Face, path: str) -> httpx2.Response:
    """A page as a browser asks for it."""
    answer = httpx2.get(face.url + path, headers=HTML)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    return answer


def test_the_reference_shows_all_that_the_document_says(face: Face) -> None:
    """It is made of the document: what is in the one and not in the other is lost."""
    text = page(face, "/docs").text
    for operation in OPERATIONS:
        assert f'id="{operation.name}"' in text
        assert f"<code>{operation.path}</code>" in text
        for parameter in operation.parameters:
            assert f"<code>{parameter['name']}</code>" in text
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert f'<article id="{name}">' in text
        for member in schema["properties"]:
            assert f"<code>{member}</code>" in text
    for code in BY_CODE:
        assert f'href="/errors/{code}"' in text


def test_what_the_reference_links_to_is_there(face: Face) -> None:
    """Within the page and on this server; it leads nowhere else."""
    text = page(face, "/docs").text
    targets = set(re.findall(r'href="([^"]*)"', text))
    anchors = {target for target in targets if target.startswith("#")}
    assert {anchor for anchor in anchors if f'id="{anchor[1:]}"' not in text} == set()
    rest = {target for target in targets - anchors if not target.startswith("data:")}
    assert rest == {"/", "/console", "/docs", "/openapi.json", *(f"/errors/{code}" for code in BY_CODE)}


def test_calls_can_be_pasted(face: Face) -> None:
    """They name this server and the variables of the README, and leave nothing open."""
    text = page(face, "/docs").text
    assert f"curl -u &#34;$ACCOUNT_SID:$AUTH_TOKEN&#34; {face.url}/v1/Exports/Messages/Jobs \\" in text
    assert "     -d StartDay=2026-10-01 \\" in text
    calls = re.findall(r"<code>(curl [^<]*)</code>", text)
    assert len(calls) == len(OPERATIONS)
    assert [call for call in calls if "{" in call or "None" in call] == []


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_nothing_and_runs_nothing_but_its_own(face: Face, path: str) -> None:
    """It works without the internet, and what would be smuggled in is not run: the browser is told so."""
    answer = page(face, path)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "connect-src 'none'" in policy
    for kind, text in re.findall(r"<(style|script)>(.*?)</\1>", answer.text, flags=re.DOTALL):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert re.search(r"""@import|url\(|\bsrc=|<link[^>]+href="(?!data:)|\bstyle="|\bon\w+=""", answer.text) is None
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert __version__ not in answer.text  # the port is open to the world, and holes go by versions


@pytest.mark.parametrize("code", list(BY_CODE))
def test_every_error_has_a_page(face: Face, code: int) -> None:
    """more_info is clicked on by somebody in trouble: what happened, what to do, and which status that was."""
    text = html.unescape(page(face, f"/errors/{code}").text)
    explanation = BY_CODE[code]
    for told in (str(code), explanation.title, explanation.happened, explanation.to_do):
        assert told in text
    assert httpx2.get(f"{face.url}/errors/{code}").json()["title"] == explanation.title


def test_it_works_in_a_browser(face: Face, tab: Page) -> None:
    """The policy that keeps others out must not keep the page's own script and style out."""
    tab.goto(f"{face.url}/docs")
    expect(tab.get_by_role("button", name="Copy").first).to_be_visible()  # shown by the script, hidden without it


def test_the_reference_is_filtered_by_words(face: Face, tab: Page) -> None:
    """Parts that have all of them are shown, in the contents as well; a link to a hidden one ends the filter."""
    tab.goto(f"{face.url}/docs")
    words, found = tab.locator(".filter input"), tab.locator("#found")
    wanted, other = tab.locator("article#CreateAttempt"), tab.locator("article#CreateExportCustomJob")
    words.fill("replay  NOTICE")
    expect(wanted).to_be_visible()
    expect(other).to_be_hidden()
    expect(tab.locator('.contents a[href="#CreateExportCustomJob"]')).to_be_hidden()
    expect(found).to_have_text(re.compile("^[0-9]+ of [0-9]+ found$"))
    words.press_sequentially(" no such word")
    expect(tab.locator(".body article:visible")).to_have_count(0)
    expect(found).to_have_text(re.compile("^Nothing of "))
    tab.evaluate("document.querySelector('.contents a[href=\"#CreateExportCustomJob\"]').click()")
    expect(other).to_be_visible()
    expect(words).to_have_value("")


def test_the_reference_marks_what_is_read(face: Face, tab: Page) -> None:
    """One place at a time, also for who hears the page."""
    tab.goto(f"{face.url}/docs#CreateAttempt")
    marked = tab.locator(".contents [aria-current]")
    expect(marked).to_have_count(1)
    expect(marked).to_have_attribute("href", "#CreateAttempt")


def test_the_contents_are_folded_on_a_phone(face: Face, tab: Page) -> None:
    """There they would stand before everything else; on a desktop they stand beside it."""
    first = tab.locator(".contents a").first
    tab.set_viewport_size(PHONE)
    tab.goto(f"{face.url}/docs#CreateExportCustomJob")
    expect(first).to_be_hidden()
    tab.locator(".contents summary").click()
    expect(first).to_be_visible()
    tab.set_viewport_size(DESKTOP)
    expect(first).to_be_visible()
