"""Files of an instance are closed to other users while other processes use them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dayfile.files.private import Closed, close_database


def test_a_file_that_vanishes_before_it_is_closed_is_not_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last process that used a database removes what lies beside it, and then nobody can reach it any more."""
    tmp_path.chmod(0o755)
    file, log = tmp_path / "dayfile.sqlite", tmp_path / "dayfile.sqlite-wal"
    for path in (file, log):
        path.touch()
        path.chmod(0o644)
    close = Path.chmod

    def removed_by_another(path: Path, mode: int) -> None:
        if path == log:
            path.unlink()
        close(path, mode)

    monkeypatch.setattr(Path, "chmod", removed_by_another)
    assert close_database(file) == [Closed(path=file, mode=0o644)]
