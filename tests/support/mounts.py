"""Small file systems that a test may fill or make read-only: real ones, which need root."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, *, megabytes: int) -> Iterator[Path]:
    """A disk of its own at a new folder, of that size; skips the test where none can be mounted."""
    folder.mkdir()
    made = _mount("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder))
    if made.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        # Lazily: what a failed test has left open must not keep the mount for ever.
        subprocess.run([_found("umount"), "--lazy", str(folder)], check=True)


def change(disk: Path, options: str) -> None:
    """Give a mounted disk other options: `size=64m`, `ro`."""
    changed = _mount("-o", f"remount,{options}", str(disk))
    assert changed.returncode == 0, changed.stderr


def _mount(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([_found("mount"), *words], capture_output=True, text=True, check=False)


def _found(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"this system has no {program}")
    return path
