"""A real browser, for what only one can tell: whether a page works under the policy that it is sent with."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

_OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--virtual-time-budget=1000"),
)


class Seen(NamedTuple):
    """A page as a browser shows it."""

    document: str  # after its scripts have run
    log: str  # what it complained of


def look(url: str, folder: Path) -> Seen:
    """Open a page in a browser that nobody has used before; skips where there is none."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium here")
    done = subprocess.run(
        [chromium, *_OPTIONS, f"--user-data-dir={folder / 'browser'}", "--enable-logging=stderr", "--dump-dom", url],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return Seen(document=done.stdout, log=done.stderr)
