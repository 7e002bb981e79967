"""Build the wheels and the source archive of a release, look into them, and try the wheels where nothing else is.

    python tools/release.py [--folder dist] [--python python3] [--no-trial]

One wheel is for any machine. Where there is a C compiler, another one has compiled code, for machines like this one.
All are made twice and must have the same bytes: whoever builds the same commit can compare, compiled code with the same
compiler. Their moment is that of the commit, unless SOURCE_DATE_EPOCH gives another. The trial needs a package index,
and takes a minute or two for each wheel.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
SUMS: Final = "SHA256SUMS"
FOR_ANY_MACHINE: Final = "-py3-none-any.whl"
COMPILED: Final = "dayfile/model/plain_lines.abi3.so"
EXTRAS: Final = "cloud,postgresql,dask,otel"
PACKAGE: Final = Path("src", "dayfile")
OF_ARCHIVE: Final = ("CHANGELOG.md", "LICENSE", "NOTICE", "PKG-INFO", "README.md", "pyproject.toml", ".gitignore")
FOLDERS_OF_ARCHIVE: Final = ("deploy", "docs", "requirements", "src")
"""Files and folders of the source archive: what runs Dayfile, and not what develops it."""


def build(folder: Path, *, moment: str | None, root: Path = ROOT) -> list[Path]:
    """Make the source archive of a checkout, and the wheels of what is in the archive; return them.

    The wheel for any machine comes before the one with compiled code, which is left out where none can be made.
    """
    environment = os.environ | ({"SOURCE_DATE_EPOCH": moment} if moment else {})
    folder.mkdir(parents=True, exist_ok=True)
    _hatch("sdist", folder, at=root, environment=environment)
    (archive,) = folder.glob("*.tar.gz")
    with tempfile.TemporaryDirectory() as unpacked:
        with tarfile.open(archive) as files:
            files.extractall(unpacked, filter="data")
        (source,) = Path(unpacked).iterdir()
        for compiles in ("no", "auto"):  # without a compiler, the second is the first again
            _hatch("wheel", folder, at=source, environment=environment | {"DAYFILE_COMPILE": compiles})
    return [archive, *sorted(folder.glob("*.whl"), key=is_compiled)]


def is_compiled(wheel: Path) -> bool:
    """Return True for a wheel that has compiled code, by its name."""
    return not wheel.name.endswith(FOR_ANY_MACHINE)


def _hatch(target: str, folder: Path, *, at: Path, environment: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(folder)]
    subprocess.run(command, cwd=at, env=environment, check=True, stdout=subprocess.DEVNULL)


def problems_of_wheel(wheel: Path, *, root: Path = ROOT) -> list[str]:
    """Return what is missing in a wheel, or must not be in it: it has the package and its licenses, nothing else."""
    with zipfile.ZipFile(wheel) as files:
        names = set(files.namelist())
    there = {f"dayfile/{name}" for name in _files(root / PACKAGE)} | ({COMPILED} if is_compiled(wheel) else set())
    about = {name for name in names if name.partition("/")[0].endswith(".dist-info")}
    ends = {name.partition("/")[2] for name in about}
    missing = (there - names) | ({"licenses/LICENSE", "licenses/NOTICE", "entry_points.txt"} - ends)
    return _told(wheel, missing=missing, strange=names - there - about)


def problems_of_archive(archive: Path, *, root: Path = ROOT) -> list[str]:
    """Return what is missing in a source archive, or must not be in it."""
    with tarfile.open(archive) as files:
        names = {name.partition("/")[2] for name in files.getnames()}
    wanted = {*OF_ARCHIVE} | {f"{folder}/{name}" for folder in FOLDERS_OF_ARCHIVE for name in _files(root / folder)}
    return _told(archive, missing=wanted - names, strange=names - wanted)


def _files(folder: Path) -> Collection[str]:
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name != ".DS_Store" and path.suffix != ".so"
    ]


def _told(built: Path, *, missing: Collection[str], strange: Collection[str]) -> list[str]:
    return [
        *(f"{built.name} lacks {name}" for name in sorted(missing)),
        *(f"{built.name} has {name}, which belongs to no release" for name in sorted(strange)),
    ]


def sums(*built: Path) -> str:
    """Return a line for each file as `sha256sum --check` reads it."""
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in built)


def try_out(wheel: Path, *, python: str) -> None:
    """Install a wheel in an empty environment and run it there; raises CalledProcessError if something fails."""
    with tempfile.TemporaryDirectory() as folder:
        venv, place = Path(folder, "venv"), Path(folder, "place")
        place.mkdir()
        # Nothing of this checkout, and no setting of whoever runs it.
        strange = ("DAYFILE_", "PYTHON", "VIRTUAL_ENV")
        environment = {name: text for name, text in os.environ.items() if not name.startswith(strange)}
        pip = [str(venv / "bin" / "pip"), "--disable-pip-version-check"]
        dayfile = str(venv / "bin" / "dayfile")
        for command in (
            [python, "-m", "venv", str(venv)],
            [*pip, "install", "--quiet", str(wheel)],
            [*pip, "check"],
            [dayfile, "--version"],
            [dayfile, "init"],
            [dayfile, "check"],
            [dayfile, "demo", "--exit"],
            [*pip, "install", "--quiet", "--dry-run", f"dayfile[{EXTRAS}] @ {wheel.as_uri()}"],
        ):
            print("+", " ".join(command).replace(f"{venv}/bin/", ""), flush=True)
            subprocess.run(command, cwd=place, env=environment, check=True)


def _moment() -> str | None:
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return given
    if not (ROOT / ".git").exists():
        return None  # of an archive: the backend has a moment of its own, always the same
    return _git("log", "-1", "--format=%ct")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S607 - whichever git there is


def main() -> int:
    """Build, look, try, and leave what is good in a folder; return the exit code."""
    parser = argparse.ArgumentParser(description="Build the files of a release and try them.")
    parser.add_argument("--folder", type=Path, default=ROOT / "dist", help="where they are put (dist)")
    parser.add_argument("--python", default=sys.executable, help="the Python that the wheel is tried with")
    parser.add_argument("--no-trial", action="store_true", help="do not install the wheel")
    given = parser.parse_args()
    if (ROOT / ".git").exists() and _git("status", "--porcelain"):
        print("Warning: this checkout has changes that are not committed; nobody else can build the same.")
    moment = _moment()
    with tempfile.TemporaryDirectory() as folder:
        first, second = (build(Path(folder, name), moment=moment) for name in ("first", "second"))
        archive, *wheels = first
        problems = [*problems_of_archive(archive), *(told for wheel in wheels for told in problems_of_wheel(wheel))]
        if sums(*first) != sums(*second):
            problems.append("two builds of the same files differ")
        if problems:
            print(*(f"Error: {problem}" for problem in problems), sep="\n", file=sys.stderr)
            return 1
        for wheel in () if given.no_trial else wheels:
            try_out(wheel, python=given.python)
        given.folder.mkdir(parents=True, exist_ok=True)
        for path in first:
            shutil.copy(path, given.folder)
        (given.folder / SUMS).write_text(told := sums(*first), encoding="utf-8")
    print(f"In {given.folder}:\n{told}", end="")
    if not any(map(is_compiled, wheels)):
        print("Warning: no wheel has compiled code: install a C compiler, such as gcc, and Python's headers.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
