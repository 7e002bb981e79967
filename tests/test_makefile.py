"""The targets, without running them: what somebody sees who waits for the first of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(("target", "lock"), [("run", "run.txt"), ("setup", "dev.txt")])
def test_a_long_wait_is_announced_and_shows_how_far_it_is(tmp_path: Path, target: str, lock: str) -> None:
    """The first `make run` downloads for a minute or more: whoever sees nothing stops it."""
    if not shutil.which("make"):
        pytest.skip("there is no make here")
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("requirements", "tools"):
        shutil.copytree(ROOT / name, tmp_path / name)
    would_do = subprocess.run(
        ["make", "--dry-run", target],  # noqa: S607 - whichever make there is
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.replace("\\\n", "")
    (told,) = (line for line in would_do.splitlines() if "echo" in line and f"requirements/{lock}" in line)
    assert all(word in told for word in ("packages", "MB", "minutes"))
    (installs,) = (line for line in would_do.splitlines() if "install --require-hashes" in line and lock in line)
    assert "--quiet" not in installs
    assert "--progress-bar on" in installs
