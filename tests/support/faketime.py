"""Processes under a clock that is wrong: Debian's `faketime` moves the time, and leaves the uptime alone."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest


def variables_of_a_clock(ahead: str) -> dict[str, str]:
    """The environment in which a process has a clock that is ahead, as `+10d` or `+5m`; skips where there is none."""
    faketime = shutil.which("faketime")
    if faketime is None:
        pytest.skip("there is no faketime: apt-get install faketime")
    shown = subprocess.run([faketime, "-f", ahead, "/usr/bin/env"], capture_output=True, text=True, check=True).stdout
    wanted = {"LD_PRELOAD", "FAKETIME", "FAKETIME_SHARED"}
    found = dict(line.partition("=")[::2] for line in shown.splitlines())
    moved = {name: value for name, value in found.items() if name in wanted and value != os.environ.get(name)}
    moved.pop("FAKETIME_SHARED", None)  # it went with the process that made it
    return {**moved, "DONT_FAKE_MONOTONIC": "1"}
