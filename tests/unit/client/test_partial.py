from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.client.partial import Partial, examine
from dayfile.errors import Corrupt

TEXT = b'{"sid":"SM1"}\n{"sid":"SM2"}\n'


def test_a_file_is_examined_to_its_end(tmp_path: Path) -> None:
    """Lines, sizes and hashes are of what is there, not of what was said."""
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(TEXT, mtime=0))
    found = examine(path)
    assert (found.lines, found.members, found.plain_bytes, found.size_bytes) == (2, 1, len(TEXT), path.stat().st_size)
    assert found.plain_sha256 == hashlib.sha256(TEXT).hexdigest()
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_several_members_are_counted_and_read_all(tmp_path: Path) -> None:
    """They are legal; readers that stop after the first are why it matters to know."""
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(TEXT) + gzip.compress(TEXT))
    assert (examine(path).members, examine(path).lines) == (2, 4)


@given(cut=st.integers(0, len(gzip.compress(TEXT, mtime=0)) - 1))
def test_a_file_that_ends_early_is_never_taken_for_whole(cut: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Wherever it was cut: half a day that looks like a day is the worst of all outcomes."""
    path = tmp_path_factory.mktemp("cut") / "a.gz"
    path.write_bytes(gzip.compress(TEXT, mtime=0)[:cut])
    with pytest.raises(Corrupt, match=r"a\.gz"):
        examine(path)


@given(at=st.integers(0, len(gzip.compress(TEXT, mtime=0)) - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_never_changes_the_text_unnoticed(
    at: int, bit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The checksum in it notices what the transport did not; bits of the header may change without harm."""
    spoiled = bytearray(gzip.compress(TEXT, mtime=0))
    spoiled[at] ^= 1 << bit
    path = tmp_path_factory.mktemp("flip") / "a.gz"
    path.write_bytes(spoiled)
    try:
        found = examine(path)
    except Corrupt:
        return
    assert found.plain_sha256 == hashlib.sha256(TEXT).hexdigest()


def test_a_partial_file_has_its_name_only_when_it_is_finished(tmp_path: Path) -> None:
    """A program that looks into the folder sees whole files."""
    path = tmp_path / "day.json.gz"
    partial = Partial(path)
    partial.begin('"one"')
    partial.path.write_bytes(b"half")
    assert (partial.size, partial.etag, path.exists()) == (4, '"one"', False)
    partial.finish()
    assert (path.read_bytes(), [file.name for file in tmp_path.iterdir()]) == (b"half", ["day.json.gz"])


def test_beginning_again_forgets_what_was_there(tmp_path: Path) -> None:
    """Bytes of one file continued by those of another are neither."""
    partial = Partial(tmp_path / "day.json.gz")
    partial.begin('"one"')
    partial.path.write_bytes(b"half")
    partial.begin(None)
    assert (partial.size, partial.etag) == (0, None)
