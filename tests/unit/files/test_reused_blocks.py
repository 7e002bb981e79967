"""Blocks in memory that is used again: the same bytes, whatever becomes of the blocks that were given before."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfile.errors import NotFound, StorageUnavailable
from dayfile.files.reused_blocks import read_reused
from dayfile.files.storage import BLOCK_BYTES, Bytes, LocalStorage

KEY = "sealed/a"
DATA = b"".join(number.to_bytes(4, "big") for number in range(5 * BLOCK_BYTES // 4)) + b"end"


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> LocalStorage:
    """A storage with an object of some blocks."""
    storage = LocalStorage.open(tmp_path_factory.mktemp("objects"))
    storage.put(KEY, [DATA])
    return storage


@given(data=st.data())
def test_any_part_comes_as_it_is_however_many_blocks_are_held(storage: LocalStorage, data: st.DataObject) -> None:
    """A block that is not sent yet must not turn into a later one."""
    start = data.draw(st.integers(0, len(DATA)))
    stop = data.draw(st.integers(start, len(DATA)))
    most = data.draw(st.integers(1, 7))
    held: deque[Bytes] = deque()
    found = b""
    for block in read_reused(storage, KEY, start=start, stop=stop):
        held.append(block)
        del block
        if len(held) == most:
            found += held.popleft()
    assert found + b"".join(held) == DATA[start:stop]


def test_who_keeps_one_block_is_given_the_same_two_buffers_in_turns(storage: LocalStorage) -> None:
    """It is what this is for."""
    blocks = read_reused(storage, KEY, start=0, stop=len(DATA))
    buffers = [id(block.obj) for block in blocks if isinstance(block, memoryview)]
    assert len(buffers) == 6
    assert len(set(buffers)) == 2


def test_an_object_that_is_not_there_is_missed_at_once(storage: LocalStorage) -> None:
    """Before the headers of an answer are sent."""
    with pytest.raises(NotFound, match="sealed/b"):
        read_reused(storage, "sealed/b", start=0, stop=1)


def test_an_object_that_became_shorter_is_an_error(tmp_path: Path) -> None:
    """In the place of a short file."""
    storage = LocalStorage.open(tmp_path)
    storage.put(KEY, [b"four"])
    with pytest.raises(StorageUnavailable, match="became shorter"):
        list(read_reused(storage, KEY, start=0, stop=5))
