"""Bytes that are hashed on their way."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from dayfile.files.hashed import Hashed


@given(st.lists(st.binary(max_size=20), max_size=5))
def test_blocks_are_handed_on_as_they_are_and_each_counts_before_it_is(blocks: list[bytes]) -> None:
    """A writer that keeps the last block back until the hash is right needs the hash with it."""
    hashed, seen = Hashed(iter(blocks)), b""
    for block in hashed:
        seen += block
        assert (hashed.sha256, hashed.size_bytes) == (hashlib.sha256(seen).hexdigest(), len(seen))
    assert seen == b"".join(blocks)
    assert Hashed(blocks).to_the_end() == hashed.sha256
