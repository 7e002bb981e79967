"""The units of systemd: systemd takes them, they are locked down, and they fit how Dayfile starts and stops."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dayfile.cli import http_server
from tests.conftest import ROOT

FOLDER = ROOT / "deploy" / "systemd"
UNITS = sorted(FOLDER.glob("*.service"))


def analyze(*arguments: str) -> None:
    """Run systemd's own check; skips the test where there is none."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("there is no systemd-analyze here")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def lines(unit: Path) -> list[str]:
    """The assignments of a unit."""
    return [line for line in unit.read_text(encoding="utf-8").splitlines() if re.match(r"\w+=", line)]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: str(unit.name))
def test_systemd_takes_a_unit(unit: Path, tmp_path: Path) -> None:
    """A line that it does not know is ignored with a warning, and the service is open where it seemed closed."""
    here = tmp_path / unit.name
    here.write_text(unit.read_text(encoding="utf-8").replace("/usr/local/bin/dayfile", sys.executable))
    analyze("verify", str(here))
    analyze("security", "--offline=true", "--no-pager", "--threshold=20", str(here))


def test_the_units_differ_in_what_they_run_only() -> None:
    """A hardening that one of them lacks is the one that would have been needed."""
    own = r"(Description|ExecStart|EnvironmentFile=-/etc/dayfile/work-)"
    assert len(UNITS) == 3
    assert len({tuple(line for line in lines(unit) if not re.match(own, line)) for unit in UNITS}) == 1


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: str(unit.name))
def test_a_unit_gives_the_processes_time_to_end(unit: Path) -> None:
    """Answers that are under way end first; and children that are told twice break off."""
    told = dict(line.split("=", 1) for line in lines(unit))
    assert int(told["TimeoutStopSec"].removesuffix("min")) * 60 > 2 * http_server._FINISH_SECONDS
    assert told["KillMode"] == "mixed"
    assert told["WorkingDirectory"] == "/var/lib/" + told["StateDirectory"]


def test_a_command_of_the_operator_has_the_settings_of_the_service(tmp_path: Path) -> None:
    """A command without them would look for an instance in the folder where it is typed."""
    settings = tmp_path / "dayfile.env"
    settings.write_text("DAYFILE_PORT=8081\nDAYFILE_DATABASE_URL='postgresql://h/d?a=b&c=d'\n")
    scripts(tmp_path, id="echo dayfile", dayfile='env | grep "^DAYFILE_" | sort; echo "$@"')
    text = (FOLDER / "dayfile-operator").read_text(encoding="utf-8")
    text = text.replace("/etc/dayfile/dayfile.env", str(settings)).replace("/usr/local/bin", str(tmp_path))
    assert operate(text, path=f"{tmp_path}:{os.environ['PATH']}").splitlines() == [
        "DAYFILE_DATABASE_URL=postgresql://h/d?a=b&c=d",
        "DAYFILE_DATA_DIR=/var/lib/dayfile",
        "DAYFILE_PORT=8081",
        "jobs list",
    ]


@pytest.mark.parametrize(
    ("programs", "called"),
    [
        ({"sudo": "echo sudo $SUDO_USER $@"}, "sudo -u dayfile -- dayfile-operator jobs list"),
        ({}, "setpriv root --reuid dayfile --regid dayfile --init-groups dayfile-operator jobs list"),
    ],
    ids=["with sudo", "without"],
)
def test_root_becomes_the_user_of_the_service(programs: dict[str, str], called: str, tmp_path: Path) -> None:
    """A small Debian has no sudo; the audit log names who it was either way, since sudo says so as well."""
    scripts(tmp_path, id='[ "$1" = -u ] && echo 0 || echo root', setpriv="echo setpriv $SUDO_USER $@", **programs)
    text = (FOLDER / "dayfile-operator").read_text(encoding="utf-8")
    assert operate(text, path=str(tmp_path)).strip() == called


def scripts(folder: Path, **named: str) -> None:
    """Make programs of these names."""
    for name, script in named.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o700)


def operate(text: str, *, path: str) -> str:
    """Run the script for `jobs list`, with the programs of a path; what it prints."""
    command = ["/bin/sh", "-c", text, "dayfile-operator", "jobs", "list"]
    return subprocess.run(command, env={"PATH": path}, capture_output=True, text=True, check=True).stdout
