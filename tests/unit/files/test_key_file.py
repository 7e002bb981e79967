"""The file of the instance key: made once, by whoever comes first, and only read from then on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from dayfile.errors import Unusable
from dayfile.files.key_file import read_or_make
from tests.support.full import fill
from tests.support.mounts import change, small_disk


def test_all_who_start_at_once_have_one_key(tmp_path: Path) -> None:
    """With two keys the logins of one process would not work in the other; nothing but the key is left."""
    path, together = tmp_path / "data" / "secret.key", Barrier(8)

    def start(number: int) -> str:
        together.wait()
        return read_or_make(path, new=f"key {number}\n", draft=f"{number}")

    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(start, range(8)))
    assert keys == {path.read_text()}
    assert [file.name for file in path.parent.iterdir()] == ["secret.key"]


@pytest.mark.parametrize("options", [None, "ro"])
def test_a_key_that_is_there_is_read_on_any_disk(tmp_path: Path, options: str | None) -> None:
    """No command would start on a full disk: not even one that says what is wrong."""
    with small_disk(tmp_path / "disk", megabytes=1) as disk:
        path = disk / "secret.key"
        read_or_make(path, new="key\n", draft="1")
        fill(disk)
        if options:
            change(disk, options)
        assert read_or_make(path, new="another\n", draft="2") == "key\n"


def test_a_key_that_cannot_be_made_is_said_with_its_folder(tmp_path: Path) -> None:
    """A first start on a full disk leaves no half of a key behind."""
    with small_disk(tmp_path / "disk", megabytes=1) as disk:
        fill(disk)
        with pytest.raises(Unusable, match="No space left"):
            read_or_make(disk / "secret.key", new="key\n", draft="1")
        assert [file.name for file in disk.iterdir()] == ["filler"]
