"""Compiled code is optional: who has no compiler gets Dayfile all the same, and who must have it is told."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from dayfile.model.plain_reader import IS_COMPILED
from tests.conftest import ROOT

HEADERS = Path(sysconfig.get_path("include"), "Python.h")

needs_compiler = pytest.mark.skipif(
    not shutil.which("cc") or not HEADERS.exists(), reason="there is no C compiler here, or no headers of Python"
)


def built(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Build a wheel into a folder."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    return subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False)


def compiled_in(folder: Path) -> list[str]:
    """The compiled modules of the wheel in a folder."""
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        return [name for name in files.namelist() if name.endswith(".so")]


@needs_compiler
def test_a_wheel_has_compiled_code_where_it_can_be_made(tmp_path: Path) -> None:
    """Its name says for which machines it is, so that no other one installs it; and it is the same every time."""
    folders = (tmp_path / "first", tmp_path / "second")
    for folder in folders:
        done = built(folder, DAYFILE_COMPILE="yes", SOURCE_DATE_EPOCH="1790000000")
        assert done.returncode == 0, done.stderr
        assert compiled_in(folder) == ["dayfile/model/plain_lines.abi3.so"]
    (one,), (other,) = (list(folder.glob("*.whl")) for folder in folders)
    assert "-cp311-abi3-linux_" in one.name
    assert one.read_bytes() == other.read_bytes()


@needs_compiler
@pytest.mark.skipif(os.environ.get("DAYFILE_COMPILE") == "no", reason="this installation is to be without it")
def test_this_installation_has_it_where_it_can_be_made() -> None:
    """Else all tests of it would be skipped, and nobody would see why."""
    assert IS_COMPILED


@pytest.mark.parametrize("environment", [{"CC": "false"}, {"CC": "/nowhere/cc"}, {"DAYFILE_COMPILE": "no"}], ids=str)
def test_without_a_compiler_the_wheel_is_for_any_machine(tmp_path: Path, environment: dict[str, str]) -> None:
    """Dayfile runs without it; only records take longer to read."""
    done = built(tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    assert compiled_in(tmp_path) == []
    assert [path.name for path in tmp_path.glob("*-py3-none-any.whl")]


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"DAYFILE_COMPILE": "yes", "CC": "/nowhere/cc"}, "there is no /nowhere/cc"),
        ({"DAYFILE_COMPILE": "perhaps"}, "DAYFILE_COMPILE must be auto, yes or no"),
    ],
)
def test_who_must_have_it_is_told_that_it_cannot_be_made(
    tmp_path: Path, environment: dict[str, str], told: str
) -> None:
    """An operator who counts on its speed would notice by the load otherwise."""
    done = built(tmp_path, **environment)
    assert done.returncode != 0
    assert told in done.stderr + done.stdout
