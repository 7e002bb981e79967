"""Pages with something wrong: each is noticed by whoever opens it in a test."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.support.browser import a_tab
from tests.support.evil_site import an_evil_site

POLICY = "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'\">"


@pytest.mark.parametrize(
    ("page", "noticed"),
    [
        ("<script>nothing.at.all</script>", "nothing is not defined"),
        ("<script>console.warn('beware')</script>", "beware"),
        (f"{POLICY}<script>0</script>", "Content Security Policy"),
        (f"{POLICY}<p style='color: red'>", "Content Security Policy"),
        ("<img src=http://elsewhere.test/>", "elsewhere.test"),
        ("<script>fetch('http://localhost:9/', {mode: 'no-cors'}).catch(() => 0)</script>", "localhost:9"),
    ],
)
def test_what_is_wrong_with_a_page_is_noticed(chromium: Browser, page: str, noticed: str) -> None:
    """Else a test that finds nothing wrong would say nothing."""
    with an_evil_site() as site:
        site.page = f"<!doctype html><link rel=icon href=data:,>{page}"
        with pytest.raises(AssertionError, match=noticed), a_tab(chromium) as tab:
            tab.goto(f"http://127.0.0.1:{site.port}/")


def test_nothing_is_noticed_on_a_good_page(chromium: Browser) -> None:
    """Its own addresses and its own scripts are nothing to complain of."""
    with an_evil_site() as site:
        site.page = "<!doctype html><link rel=icon href=data:,><script>document.title = 'good'</script>"
        with a_tab(chromium) as tab:
            tab.goto(f"http://127.0.0.1:{site.port}/")
