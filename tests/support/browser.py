"""A real browser, for what only one can tell of a page: Chromium as this machine has it, steered by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    ViewportSize,
    expect,
    sync_playwright,
)

DESKTOP: Final[ViewportSize] = {"width": 1280, "height": 900}
PHONE: Final[ViewportSize] = {"width": 360, "height": 700}
PATIENCE_MILLISECONDS = 60_000
OF_THIS_MACHINE = ("127.0.0.1", "localhost", "exports.example", "evil.example")
"""The names that lead to this machine; in a browser of tests, all others lead nowhere."""
_NAMES = "MAP *.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"


@contextmanager
def a_browser() -> Iterator[Browser]:
    """Start a browser, and end it; skips where there is none.

    Meanwhile `asyncio.run` is refused in this thread, in which a loop of Playwright's runs.
    """
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium here")
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(
            executable_path=chromium,
            args=[f"--host-resolver-rules={_NAMES}"],
            ignore_default_args=["--hide-scrollbars"],  # people have them, and a phone's width less
        ) as browser,
    ):
        yield browser


@contextmanager
def a_tab(browser: Browser, **options: Any) -> Iterator[Page]:
    """A tab that knows nothing of any other; in the end, fails if anything was wrong with the pages that it showed.

    The options are those of `Browser.new_context`.
    """
    with browser.new_context(**{"viewport": DESKTOP, **options}) as context:
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        seen = Seen(context)
        yield context.new_page()
        assert seen.complaints() == [], seen.complaints()
        assert seen.elsewhere() == [], seen.elsewhere()


class Seen:
    """The complaints of a browser about pages, and the addresses that these have asked for."""

    def __init__(self, context: BrowserContext) -> None:
        self._messages: list[ConsoleMessage] = []
        self._errors: list[str] = []
        self._requests: list[Request] = []
        # Playwright gives each listener an attribute, which a method of a list cannot have.
        context.on("console", lambda one: self._messages.append(one))  # noqa: PLW0108 - see above
        context.on("weberror", lambda one: self._errors.append(str(one.error)))
        context.on("request", lambda one: self._requests.append(one))  # noqa: PLW0108 - see above

    def complaints(self) -> list[str]:
        """Errors of scripts, violations of a policy, and whatever else is in the console.

        Apart from the status of a page itself, which is the business of whoever has asked for it.
        """
        pages = {one.url for one in self._requests if one.is_navigation_request()}
        told = [
            f"{one.text} ({one.location['url']})"
            for one in self._messages
            if not (one.text.startswith("Failed to load resource") and one.location["url"] in pages)
        ]
        return [*self._errors, *told]

    def elsewhere(self) -> list[str]:
        """The addresses that are not of the servers whose pages were opened, and those of pages on other machines."""
        pages = [one.url for one in self._requests if one.is_navigation_request()]
        servers = {urlsplit(url)[:2] for url in pages if urlsplit(url).hostname in OF_THIS_MACHINE}
        return [one.url for one in self._requests if urlsplit(one.url)[:2] not in servers]
