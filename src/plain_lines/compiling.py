"""Compiling of the reader of plain lines while the package is built; without a compiler it is built without it.

`DAYFILE_COMPILE=no` does not try, `DAYFILE_COMPILE=yes` fails if it cannot.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE: Final = Path(__file__).parent
MODULE: Final = "plain_lines.abi3.so"
IN_PACKAGE: Final = f"dayfile/model/{MODULE}"
FLAGS: Final = ("-std=c11", "-O2", "-fPIC", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2", "-Wall", "-Wextra")
LINKING: Final = ("-shared", "-Wl,-z,relro,-z,now")
_OLDEST_PYTHON: Final = "cp311-abi3"  # as Py_LIMITED_API has it
_OLDEST_GLIBC: Final = 17  # of 2012: what runs these Pythons has one that is newer
_INSTALL: Final = "install a C compiler, such as gcc, and Python's headers"


class CannotCompile(Exception):
    """There is no compiler, or it fails."""


def compile_lines(module: Path, *options: str) -> None:
    """Make the module in a file; raises CannotCompile."""
    if not sys.platform.startswith("linux") or sys.implementation.name != "cpython":
        raise CannotCompile("it is compiled for CPython on Linux only")
    compiler = shlex.split(os.environ.get("CC") or "cc")
    include = sysconfig.get_path("include")
    command = [*compiler, *FLAGS, *LINKING, *options, f"-I{include}", "plain_lines.c", "-o", str(module)]
    try:
        # In its folder, so that nothing of where it is gets into the module.
        subprocess.run(command, cwd=HERE, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise CannotCompile(f"there is no {compiler[0]}; {_INSTALL}") from error
    except subprocess.CalledProcessError as error:
        raise CannotCompile(f"{compiler[0]} fails; {_INSTALL}: {error.stderr.strip()[:2000]}") from error


def platform_tag(module: bytes) -> str:
    """Return the tag of the machines that can load a module: those whose glibc is as new as it needs, or newer.

    It needs what the versions of symbols in it name. One that names none, as on musl, is for machines like this one.
    """
    machine = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    needed = [int(minor) for minor in re.findall(rb"\0GLIBC_2\.(\d+)(?:\.\d+)?(?=\0)", module)]
    if not needed or b"\0GLIBC_ABI_" in module or not machine.startswith("linux_"):
        return machine
    return f"manylinux_2_{max(_OLDEST_GLIBC, *needed)}_{machine.removeprefix('linux_')}"


class Compiling(BuildHookInterface[Any]):
    """The step of a build that compiles it: into the checkout for an installation in place, else into the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile it before the files of a wheel are gathered; raises CannotCompile if it must be."""
        wanted = os.environ.get("DAYFILE_COMPILE") or "auto"
        if wanted not in {"auto", "yes", "no"}:
            raise ValueError(f"DAYFILE_COMPILE must be auto, yes or no; got {wanted!r}")
        in_place = HERE.parent / IN_PACKAGE
        if version == "editable":
            in_place.unlink(missing_ok=True)
        if wanted == "no":
            return
        self._folder = tempfile.TemporaryDirectory()
        module = in_place if version == "editable" else Path(self._folder.name, MODULE)
        try:
            compile_lines(module, "-s")
        except CannotCompile as error:
            if wanted == "yes":
                raise
            self.app.display_warning(f"Lines will be read by Python alone, at several times the cost: {error}")
            return
        if version != "editable":
            build_data["force_include"][str(module)] = IN_PACKAGE
            build_data["pure_python"] = False
            build_data["tag"] = f"{_OLDEST_PYTHON}-{platform_tag(module.read_bytes())}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was only for the wheel."""
        if folder := getattr(self, "_folder", None):
            folder.cleanup()
