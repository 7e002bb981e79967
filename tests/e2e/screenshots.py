"""Pictures of the console for the documents: `make screenshots` takes them, with chromium."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.conftest import ROOT
from tests.support.browser_tab import Tab, a_tab
from tests.support.customer_console import Customer, console_for_customers

IMAGES = ROOT / "docs" / "images"
SIZES = {"desktop": (1040, 720), "phone": (360, 720)}


def main() -> None:
    """Take each page on a desktop and on a phone, light and dark."""
    IMAGES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as data,
        tempfile.TemporaryDirectory() as browser,
        console_for_customers(Path(data)) as console,
    ):
        acme = console.customer()
        with a_tab(Path(browser)) as tab:
            tab.open(f"{console.url}/console")
            fields = f"username.value = '{acme.sid}'; password.value = '{acme.login.password}'"
            tab.submit(f"{fields}; document.querySelector('form button').click()")
            for name, path in _pages(acme).items():
                _take(tab, name, f"{console.url}{path}")


def _pages(acme: Customer) -> dict[str, str]:
    return {"overview": "/console", "files": "/console/files", "job": f"/console/jobs/{acme.failed_job}"}


def _take(tab: Tab, name: str, url: str) -> None:
    for size, (width, height) in SIZES.items():
        for is_dark in (False, True):
            tab.show_as(width=width, height=height, is_dark=is_dark)
            tab.open(url)
            (IMAGES / f"{name}-{size}-{'dark' if is_dark else 'light'}.webp").write_bytes(tab.picture("webp"))


if __name__ == "__main__":
    main()
