from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner, Result

from dayfile.cli.app import app
from dayfile.service import Service
from dayfile.settings import Settings


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """A command sets up the log of its process; here that is the process of all tests."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    """The place of the instance of the commands."""
    return tmp_path / "data"


@pytest.fixture
def run(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command line on an instance of its own, in this process."""
    monkeypatch.setenv("DAYFILE_DATA_DIR", str(data_folder))

    def run_command(*words: str, text: str | bytes = "", **variables: str) -> Result:
        return CliRunner().invoke(app, words, input=text, env=variables)

    return run_command


@pytest.fixture(scope="session")
def _new_instance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("new") / "data"
    Service.open(Settings.read(_env_file=None, data_dir=folder)).close()
    return folder


@pytest.fixture
def made(data_folder: Path, _new_instance: Path) -> None:
    """Have the instance of the commands made, as `dayfile init` makes it."""
    shutil.copytree(_new_instance, data_folder)
