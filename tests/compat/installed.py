"""The clients that `make clients` installs, and those that are there anyway."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from tests.compat.client import ApiClient
from tests.compat.command_line import CommandLine
from tests.compat.curl import Curl
from tests.compat.driven import Driven
from tests.conftest import ROOT

HERE = Path(__file__).parent
FOLDER = ROOT / ".venv" / "clients"


@dataclass(frozen=True, kw_only=True)
class Installation:
    """One version of one client: what it needs, and how it is made ready in a folder that is its home."""

    program: str  # that runs it
    folder: str | None  # below FOLDER; None where it needs none
    make: Callable[[Path, Path], ApiClient]
    takes_base_url: bool = True

    def ready(self, home: Path) -> ApiClient:
        """The client; skips the test where it is not there, and says how to get it."""
        if not shutil.which(self.program):
            pytest.skip(f"there is no {self.program} here, which runs this client")
        folder = FOLDER / (self.folder or "")
        if self.folder and not (folder / ".installed").exists():
            pytest.skip(f"this client is not installed: `make clients` puts it into {folder.relative_to(ROOT)}")
        return self.make(folder, home)


def _python(variables: Mapping[str, str]) -> Driven:
    return Driven([sys.executable, str(HERE / "drive_python.py")], variables, is_camel_cased=False)


def _node(version: str) -> Installation:
    def make(folder: Path, _home: Path) -> ApiClient:
        variables = {"NODE_PATH": str(folder / "node_modules")}
        return Driven(["node", str(HERE / "drive_node.js")], variables, is_camel_cased=True)

    return Installation(program="node", folder=f"node-{version}", make=make)


CLIENTS: Mapping[str, Installation] = {
    "twilio-python 9.0.0": Installation(
        program=sys.executable,
        folder="python-9.0.0",
        make=lambda folder, _home: _python({"PYTHONPATH": str(folder)}),
    ),
    f"twilio-python {version('twilio')}": Installation(
        program=sys.executable, folder=None, make=lambda _folder, _home: _python({})
    ),
    "twilio-node 6.0.2": _node("6.0.2"),
    "twilio-node 6.2.0": _node("6.2.0"),
    "twilio-cli 6.2.4": Installation(
        program="node",
        folder="cli-6.2.4",
        make=lambda folder, home: CommandLine(folder, home=home),
        takes_base_url=False,
    ),
    "curl": Installation(program="curl", folder=None, make=lambda _folder, _home: Curl()),
    "curl -L": Installation(program="curl", folder=None, make=lambda _folder, _home: Curl("-L")),
}


def each_client(*, quick: bool = True) -> list[ParameterSet]:
    """All clients as the parameters of a test that is quick but with the command line, whose every call takes seconds;
    or of one that is not worth that distinction."""
    slow = [pytest.mark.slow] if quick else []
    return [pytest.param(name, marks=slow if name.startswith("twilio-cli") else []) for name in CLIENTS]
