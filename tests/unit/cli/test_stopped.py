"""Ctrl-C in a command that takes long: what it had done is kept, and it says so and how to go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import pytest

from dayfile.intake.file import FileIntake
from dayfile.objects.backup import Backup
from dayfile.objects.move import Move
from dayfile.objects.restore import Restore


def _stop(*_: object, **__: object) -> NoReturn:
    raise KeyboardInterrupt


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("work", "words", "way_out"),
    [
        (FileIntake, ("intake", "Messages", "{}/records.json"), "Run the same command again"),
        (Backup, ("backup", "{}/backup"), "The last whole backup in"),
        (Restore, ("restore", "{}/whole"), "Run the command again to go on"),
        (Move, ("move", "--to-storage", "file://{}/new", "--yes"), "`dayfile move --reopen`"),
    ],
)
def test_a_stopped_command_says_how_to_go_on(
    *, work: type, words: tuple[str, ...], way_out: str, tmp_path: Path, data_folder: Path, run: Any, monkeypatch: Any
) -> None:
    """One is stopped for being slow: nobody should fear to have broken something, or begin anew elsewhere."""
    (tmp_path / "records.json").write_text("{}\n")
    assert run("backup", f"{tmp_path}/whole", "--with-key").exit_code == 0
    monkeypatch.setattr(work, "run", _stop)
    place = str(tmp_path / "restored" if work is Restore else data_folder)
    stopped = run(*(word.format(tmp_path) for word in words), DAYFILE_DATA_DIR=place)
    assert stopped.exit_code == 130
    assert stopped.stderr.count("Stopped. ") == 1
    assert way_out in stopped.stderr
