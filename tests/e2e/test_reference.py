"""The pages of the API for browsers: its reference, and its error codes."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from dayfile import __version__
from dayfile.api.app import OPERATIONS
from dayfile.api.error_table import BY_CODE
from tests.support.browser import look
from tests.support.browser_tab import Tab, a_tab
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


def test_it_works_in_a_browser(face: Face, tmp_path: Path) -> None:
    """The policy that keeps others out must not keep the page's own script and style out."""
    seen = look(f"{face.url}/docs", tmp_path)
    assert '<button type="button">Copy</button>' in seen.document  # shown by the script, hidden without it
    assert "Content Security Policy" not in seen.log


SHOWN = (
    "[...document.querySelectorAll('.body article')].filter(one => !one.hidden && one.offsetParent).map(one => one.id)"
)
CURRENT = "[...document.querySelectorAll('.contents [aria-current]')].map(one => one.hash)"
CONTENTS = """new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(
    document.querySelector('.contents a').checkVisibility()))))"""
"""True if the contents are seen, once the page is drawn."""


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[Tab]:
    """A browser."""
    with a_tab(tmp_path) as tab:
        yield tab


def test_the_reference_is_filtered_by_words(face: Face, tab: Tab) -> None:
    """Parts that have all of them are shown, in the contents as well; a link to a hidden one ends the filter."""
    tab.show_as()
    tab.open(f"{face.url}/docs")
    tab.type_into(".filter input", "replay  NOTICE")
    assert "CreateAttempt" in tab.run(SHOWN)
    assert "CreateExportCustomJob" not in tab.run(SHOWN)
    assert tab.run("document.querySelector('.contents a[href=\"#CreateExportCustomJob\"]').checkVisibility()") is False
    assert re.fullmatch("[0-9]+ of [0-9]+ found", tab.run("found.textContent"))
    tab.type_into(".filter input", " no such word")
    assert tab.run(SHOWN) == []
    assert tab.run("found.textContent").startswith("Nothing of ")
    tab.run("document.querySelector('.contents a[href=\"#CreateExportCustomJob\"]').click()")
    assert "CreateExportCustomJob" in tab.run(SHOWN)
    assert tab.run("document.querySelector('.filter input').value") == ""


def test_the_reference_marks_what_is_read(face: Face, tab: Tab) -> None:
    """One place at a time, also for who hears the page."""
    tab.show_as()
    tab.open(f"{face.url}/docs#CreateAttempt")
    assert tab.run(
        f"new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done({CURRENT}))))"
    ) == ["#CreateAttempt"]


def test_the_contents_are_folded_on_a_phone(face: Face, tab: Tab) -> None:
    """There they would stand before everything else; on a desktop they stand beside it."""
    tab.show_as(width=360)
    tab.open(f"{face.url}/docs#CreateExportCustomJob")
    assert tab.run(CONTENTS) is False
    tab.run("document.querySelector('.contents summary').click()")
    assert tab.run(CONTENTS) is True
    tab.show_as()
    assert tab.run(CONTENTS) is True
