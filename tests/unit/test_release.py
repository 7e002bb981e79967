"""The files of a release: everything in them that runs, nothing that does not, and the same bytes every time."""

from __future__ import annotations

import re
import shutil
import tarfile
import zipfile
from importlib.metadata import requires
from pathlib import Path

import pytest

from dayfile.model.plain_reader import IS_COMPILED
from tools.release import FOLDERS_OF_ARCHIVE, ROOT, build, is_compiled, problems_of_archive, problems_of_wheel, sums

MOMENT = "1790000000"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The source archive and the wheels."""
    return build(tmp_path_factory.mktemp("dist"), moment=MOMENT)


def test_a_release_has_what_runs_and_nothing_else(built: list[Path]) -> None:
    """Templates, htmx, migrations and licenses are files that no import would miss before a user does."""
    archive, wheel, *others = built
    assert problems_of_archive(archive) == []
    assert [told for one in (wheel, *others) for told in problems_of_wheel(one)] == []
    with zipfile.ZipFile(wheel) as files:
        names = files.namelist()
    for end in ("page.html", ".min.js", "htmx-LICENSE.txt", "0001_the_first_schema.py", "licenses/NOTICE", "py.typed"):
        assert any(name.endswith(end) for name in names), end


def test_a_release_has_a_wheel_for_any_machine_and_compiled_code_where_it_can_be_made(built: list[Path]) -> None:
    """An installation from the folder gets the compiled one, if it is for that machine."""
    _, wheel, *others = built
    assert wheel.name.endswith("-py3-none-any.whl")
    assert [is_compiled(one) for one in others] == ([True] if IS_COMPILED else [])


def test_the_same_files_give_the_same_bytes(built: list[Path], tmp_path: Path) -> None:
    """Anybody who does not trust a release can build it: from copies with other times and rights, somewhere else."""
    copy = tmp_path / "copy"
    for name in FOLDERS_OF_ARCHIVE:
        shutil.copytree(
            ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"), copy_function=shutil.copy
        )
    for path in ROOT.glob("*"):
        if path.is_file():
            shutil.copy(path, copy)
    shutil.copy(ROOT / ".gitignore", copy)
    (copy / "src" / "dayfile" / "settings.py").chmod(0o600)
    assert sums(*build(tmp_path / "dist", moment=MOMENT, root=copy)) == sums(*built)


def test_what_is_missing_in_a_release_is_named(built: list[Path], tmp_path: Path) -> None:
    """A migration that was left out would be noticed by the first upgrade otherwise."""
    left_out, put_in = "dayfile/store/migrations/versions/0001_the_first_schema.py", "tests/conftest.py"
    wheel = tmp_path / built[1].name
    with zipfile.ZipFile(built[1]) as whole, zipfile.ZipFile(wheel, "w") as cut:
        for name in whole.namelist():
            if name != left_out:
                cut.writestr(name, whole.read(name))
        cut.writestr(put_in, "")
    assert problems_of_wheel(wheel) == [
        f"{wheel.name} lacks {left_out}",
        f"{wheel.name} has {put_in}, which belongs to no release",
    ]


def test_a_lock_that_is_missing_in_the_source_archive_is_named(built: list[Path], tmp_path: Path) -> None:
    """An operator installs from it what the wheel needs, in the versions that were tested."""
    archive = tmp_path / built[0].name
    with tarfile.open(built[0]) as whole, tarfile.open(archive, "w:gz") as cut:
        for member in whole.getmembers():
            if not member.name.endswith("requirements/run.txt"):
                cut.addfile(member, whole.extractfile(member))
    assert problems_of_archive(archive) == [f"{archive.name} lacks requirements/run.txt"]


def pinned(lock: str) -> dict[str, str]:
    """The versions in a lock, by the name of the package."""
    text = (ROOT / "requirements" / lock).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", text, flags=re.MULTILINE))


@pytest.mark.parametrize("lock", ["cloud.txt", "postgresql.txt", "dask.txt", "otel.txt"])
def test_the_lock_of_an_extra_has_all_that_dayfile_runs_on(lock: str) -> None:
    """It is installed in the place of run.txt, or after another one, and the wheel after it without dependencies."""
    needed = [
        re.split(r"[<>=\[; ]", one)[0].replace(".", "-") for one in requires("dayfile") or () if "extra" not in one
    ]
    run, extra = pinned("run.txt"), pinned(lock)
    assert [name for name in needed if name not in extra] == []
    assert {name: version for name, version in extra.items() if run.get(name, version) != version} == {}
