"""Copies of segments into the scratch folder, when the folder is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from dayfile.errors import StorageUnavailable
from dayfile.files.segment_copy import copy_some, copy_whole
from dayfile.files.storage import LocalStorage


def test_a_scratch_folder_that_is_gone_is_told_as_such(tmp_path: Path) -> None:
    """A worker waits and tries again, as with any trouble of the disk: it is no bug."""
    storage = LocalStorage(tmp_path / "objects")
    storage.put("segments/one", [b"PAR1"])
    for copy in (copy_whole, lambda *words: copy_some(*words, accounts=("0", "1"))):
        with pytest.raises(StorageUnavailable, match="cannot write to the scratch folder"):
            copy("segments/one", storage, tmp_path / "gone" / "copy")
