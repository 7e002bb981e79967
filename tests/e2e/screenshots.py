"""Pictures of the console for the documents: `make screenshots` takes them, with chromium."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, ViewportSize

from tests.conftest import ROOT
from tests.support.browser import a_browser, a_tab
from tests.support.customer_console import Customer, console_for_customers

IMAGES = ROOT / "docs" / "images"
SIZES: Mapping[str, ViewportSize] = {
    "desktop": {"width": 1040, "height": 720},
    "phone": {"width": 360, "height": 720},
}
SCHEMES: Final = ("dark", "light")


def main() -> None:
    """Take each page on a desktop and on a phone, light and dark."""
    IMAGES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as data,
        console_for_customers(Path(data)) as console,
        a_browser() as browser,
        a_tab(browser) as tab,
    ):
        acme = console.customer()
        tab.goto(f"{console.url}/console")
        tab.get_by_label("sid").fill(acme.sid)
        tab.get_by_label("secret").fill(acme.login.password)
        tab.get_by_role("button", name="Sign in").click()
        tab.wait_for_url("**/console")
        for name, path in _pages(acme).items():
            _take(tab, name, f"{console.url}{path}")


def _pages(acme: Customer) -> dict[str, str]:
    return {"overview": "/console", "files": "/console/files", "job": f"/console/jobs/{acme.failed_job}"}


def _take(tab: Page, name: str, url: str) -> None:
    for size, viewport in SIZES.items():
        tab.set_viewport_size(viewport)
        for scheme in SCHEMES:
            tab.emulate_media(color_scheme=scheme)
            tab.goto(url)
            tab.screenshot(path=IMAGES / f"{name}-{size}-{scheme}.webp", type="webp", quality=70)


if __name__ == "__main__":
    main()
