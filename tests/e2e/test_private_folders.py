"""Privacy of an instance's files from other users, whatever the umask: proven with real processes and a real user."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dayfile.cli.exit_codes import Outcome
from tests.e2e.cli_instance import Instance, serving
from tests.support.records import Sent, body_of

DAY = "2026-11-01"
NOBODY = 65534

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user, and give folders to others")

READER = """
import os, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
read = []
for folder, folders, names in os.walk(sys.argv[1]):
    for name in names:
        try:
            open(os.path.join(folder, name), "rb").read(1)
        except OSError:
            continue
        read.append(os.path.relpath(os.path.join(folder, name), sys.argv[1]))
print("\\n".join(read))
"""


whatever_the_umask = pytest.mark.parametrize("instance", [0o000, 0o022], ids=oct, indirect=True)


@pytest.fixture
def instance(request: pytest.FixtureRequest) -> Iterator[Instance]:
    """An instance whose processes have a umask, in a folder that everybody may enter: those of pytest are closed."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        before = os.umask(getattr(request, "param", 0o022))
        yield Instance(Path(folder))
        os.umask(before)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _fill(instance: Instance) -> None:
    """Records inline and in objects, sealed ones, refused ones, and a folder of every kind."""
    instance.run("init")
    account = instance.json("accounts", "create", "--email", "owner@example.com")["account_sid"]
    sent = [
        Sent(account=account, name=f"{n}", created=f"{DAY}T10:00:00Z", updated=f"{DAY}T10:00:01Z", body="secret")
        for n in range(3)
    ]
    instance.run("intake", "Messages", "-", text=body_of(sent).decode() + "bad\n", expect=Outcome.FAILED)
    instance.run("seal", "Messages", DAY)


def _read_by_nobody(folder: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", READER, str(folder)], cwd="/", capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def _reachable(folder: Path) -> list[str]:
    """Return the names that others can read, by the permissions of the folder and of all that lead to it."""
    if _mode(folder) & 0o007 == 0:
        return []
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file()
        and _mode(path) & 0o004
        and all(_mode(parent) & 0o001 for parent in path.parents if parent.is_relative_to(folder))
    )


@whatever_the_umask
def test_a_new_instance_is_closed_to_others(instance: Instance) -> None:
    """Another user of the machine reads sealed records with zcat otherwise."""
    _fill(instance)
    with serving(instance):
        data = instance.folder / "data"
        assert list(data.rglob("*.gz")), "there is something to be read"
        assert _mode(data) == 0o700
        assert _reachable(data) == []
    assert "Warning" not in instance.log()


@whatever_the_umask
def test_what_is_kept_elsewhere_is_closed_to_others(instance: Instance) -> None:
    """The database and the objects may lie in other places than the data folder."""
    elsewhere = instance.folder / "elsewhere"
    elsewhere.mkdir()
    elsewhere.chmod(0o755)
    instance.variables |= {
        "DAYFILE_DATABASE_URL": f"sqlite:///{elsewhere / 'state.sqlite'}",
        "DAYFILE_STORAGE_URL": f"file://{elsewhere / 'deep' / 'objects'}",
    }
    _fill(instance)
    with serving(instance):
        assert {path.name for path in elsewhere.iterdir()} >= {"state.sqlite", "state.sqlite-wal", "state.sqlite-shm"}
        assert _reachable(elsewhere) == []
        assert _mode(elsewhere / "deep") == _mode(elsewhere / "deep" / "objects") == 0o700
        assert _mode(elsewhere) == 0o755, "it is not Dayfile's"


def _open_up(folder: Path) -> None:
    """As an earlier version left it under the umask 022."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_an_instance_that_was_open_is_closed_at_the_start(instance: Instance) -> None:
    """An operator who upgrades need not know that it was open; the log says so once."""
    _fill(instance)
    data = instance.folder / "data"
    _open_up(data)
    assert _reachable(data)
    for _ in range(2):
        with serving(instance, "--no-worker"):
            assert _mode(data) == 0o700
    assert [one["path"] for one in _events(instance) if one["event"] == "permissions.closed"] == [str(data)]


def _events(instance: Instance) -> list[dict[str, str]]:
    return [json.loads(line) for line in instance.log().splitlines() if line.startswith("{")]


def test_a_folder_with_other_things_is_left_and_what_is_in_it_is_closed(instance: Instance) -> None:
    """DAYFILE_DATA_DIR=. in a home folder: closing that would break what Dayfile knows nothing of."""
    instance.variables["DAYFILE_DATA_DIR"] = "."
    (instance.folder / "site").mkdir()
    (instance.folder / "site" / "index.html").write_text("hello")
    instance.folder.chmod(0o755)
    _fill(instance)
    for path in ("objects", "dayfile.sqlite"):
        (instance.folder / path).chmod(0o755 if path == "objects" else 0o644)
    with serving(instance):
        assert _mode(instance.folder) == 0o755
        assert {path for path in _reachable(instance.folder) if "site" not in path} <= {"log"}
        assert _mode(instance.folder / "objects") == 0o700
        assert _mode(instance.folder / "dayfile.sqlite") == 0o600
    assert f"Warning: {instance.folder} is open to other users" in instance.log()
    checked = instance.run("check")
    assert f"{instance.folder} is open to other users" in checked.stderr
    assert "other things in it" in checked.stderr
    assert "All is well" in checked.stdout


@as_root
@whatever_the_umask
def test_another_user_can_read_nothing(instance: Instance) -> None:
    """Not by what the permissions seem to say, but tried."""
    _fill(instance)
    with serving(instance):
        data = instance.folder / "data"
        assert _read_by_nobody(data) == []
        (instance.folder / "other").mkdir(mode=0o755)
        (instance.folder / "other").chmod(0o755)
        (instance.folder / "other" / "file").touch()
        (instance.folder / "other" / "file").chmod(0o644)
        assert _read_by_nobody(instance.folder / "other") == ["file"], "it would find something"


@as_root
def test_a_folder_of_somebody_else_is_left_and_named(instance: Instance) -> None:
    """A container's volume: its permissions are somebody's decision, and `check` and the start say what follows."""
    data = instance.folder / "data"
    data.mkdir()
    data.chmod(0o777)
    os.chown(data, NOBODY, NOBODY)
    _fill(instance)
    with serving(instance):
        assert _mode(data) == 0o777
        assert data.stat().st_uid == NOBODY
        assert _read_by_nobody(data) == []
    assert f"Warning: {data} is open to other users" in instance.log()
    checked = instance.run("check")
    assert f"it belongs to another user (uid {NOBODY})" in checked.stderr
    assert (checked.returncode, "All is well" in checked.stdout) == (Outcome.DONE, True)


@as_root
def test_root_works_on_a_closed_folder_of_another_user(instance: Instance) -> None:
    """The operator's commands are often run as root; that changes nothing of the folder and says nothing."""
    data = instance.folder / "data"
    data.mkdir(mode=0o700)
    os.chown(data, NOBODY, NOBODY)
    _fill(instance)
    assert (_mode(data), data.stat().st_uid) == (0o700, NOBODY)
    assert "Warning" not in instance.run("check").stderr


@whatever_the_umask
def test_downloads_are_as_open_as_their_owner_wants(instance: Instance) -> None:
    """A customer's files are the customer's: there the umask is right."""
    with serving(instance, "--no-worker") as server:
        account = instance.json("accounts", "create")
        instance.variables |= {
            "DAYFILE_URL": server.url,
            "DAYFILE_ACCOUNT_SID": account["account_sid"],
            "DAYFILE_AUTH_TOKEN": account["auth_token"],
        }
        instance.run("days", "download", "Messages", DAY, "--output", "here", expect=Outcome.NOT_FOUND)
    umask = os.umask(0)
    os.umask(umask)
    assert _mode(instance.folder / "here") == 0o777 & ~umask
