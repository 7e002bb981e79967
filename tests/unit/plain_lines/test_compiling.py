"""Compiled code is optional: who has no compiler gets Dayfile all the same, and who must have it is told."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from dayfile.model.plain_reader import IS_COMPILED
from plain_lines.compiling import platform_tag
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
    assert re.search(r"-cp311-abi3-(many)?linux_", one.name)
    assert one.read_bytes() == other.read_bytes()


@needs_compiler
@pytest.mark.skipif(os.environ.get("DAYFILE_COMPILE") == "no", reason="this installation is to be without it")
def test_this_installation_has_it_where_it_can_be_made() -> None:
    """Else all tests of it would be skipped, and nobody would see why."""
    assert IS_COMPILED


@needs_compiler
def test_the_name_of_a_wheel_is_true_for_every_machine_that_takes_it(tmp_path: Path) -> None:
    """Pip believes it: on a machine whose glibc lacks a symbol, the module would not load."""
    done = built(tmp_path, DAYFILE_COMPILE="yes")
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        (tmp_path / "module.so").write_bytes(files.read("dayfile/model/plain_lines.abi3.so"))
    tagged = re.search(r"-manylinux_2_(\d+)_", wheel.name)
    if tagged is None or not shutil.which("objdump"):
        pytest.skip("this machine has no glibc, or nothing that reads the symbols of a module")
    command = ["objdump", "--dynamic-syms", "--private-headers", str(tmp_path / "module.so")]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert max(int(minor) for minor in re.findall(r"GLIBC_2\.(\d+)", told)) <= int(tagged[1])
    assert set(re.findall(r"NEEDED\s+(\S+)", told)) <= {"libc.so.6"}


@pytest.mark.parametrize(
    ("module", "tag"),
    [
        (b"\0GLIBC_2.2.5\0GLIBC_2.4\0", "manylinux_2_17_"),
        (b"\0GLIBC_2.2.5\0GLIBC_2.38\0", "manylinux_2_38_"),
        (b"\0GLIBC_2.2.5\0GLIBC_ABI_DT_RELR\0", "linux_"),
        (b"\0libc.musl-x86_64.so.1\0", "linux_"),
    ],
)
def test_a_module_is_for_machines_that_have_what_it_needs(module: bytes, tag: str) -> None:
    """The newest symbol in it says from which glibc on."""
    assert platform_tag(module).startswith(tag)


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
