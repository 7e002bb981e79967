"""The signs of a browser, as browsers, clients and libraries give them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from dayfile.web.browser import is_browser, prefers_html


def accepting(*values: str) -> Headers:
    """Headers with these Accept headers."""
    return Headers(raw=[(b"accept", value.encode("latin-1")) for value in values])


@pytest.mark.parametrize(
    "accept",
    [
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",  # Chromium, Firefox
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",  # Safari
        "text/html, application/xhtml+xml, */*",  # what is named exactly is meant
        "application/json;q=0.5, TEXT/HTML ; Q=0.9",
        "text/*, application/json;q=0.9",
    ],
)
def test_who_prefers_html_is_a_browser(accept: str) -> None:
    """They are given pages, and never asked for Basic credentials."""
    assert prefers_html(accepting(accept))
    assert prefers_html(accepting(*accept.split(",")))
    assert is_browser(accepting(accept))


@pytest.mark.parametrize(
    "accept",
    [
        "*/*",  # curl, Python, axios without a wish
        "application/json",  # Twilio's libraries
        "application/json, text/plain, */*",
        "application/json, text/html",
        "application/json, */*;q=0.5",
        "text/html;q=0, */*",
        "text/html;q=0.5, application/json;q=0.9",
        "text/html;q=",
        "text/html;q=.",
        "",
    ],
)
def test_who_does_not_is_none(accept: str) -> None:
    """They are asked for credentials, as HTTP has it."""
    assert not is_browser(accepting(accept))
    assert not is_browser(accepting())


@pytest.mark.parametrize("mode", ["navigate", "cors", "no-cors", ""])
def test_who_says_in_which_mode_it_asks_is_a_browser(mode: str) -> None:
    """A script on a page accepts anything."""
    assert is_browser(Headers({"sec-fetch-mode": mode, "accept": "*/*"}))


@given(st.text(st.characters(max_codepoint=255)))
def test_nothing_that_is_accepted_makes_trouble(accept: str) -> None:
    """Anybody can send anything."""
    if prefers_html(accepting(accept)):
        assert "text/" in accept.lower()
