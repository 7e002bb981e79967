from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner, Result

from dayfile.cli.app import app


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """A command sets up the log of its process; here that is the process of all tests."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    """Where the instance of the commands is."""
    return tmp_path / "data"


@pytest.fixture
def run(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command line on an instance of its own, in this process."""
    monkeypatch.setenv("DAYFILE_DATA_DIR", str(data_folder))

    def run_command(*words: str, text: str | bytes = "", **variables: str) -> Result:
        return CliRunner().invoke(app, words, input=text, env=variables)

    return run_command
