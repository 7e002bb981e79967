from __future__ import annotations

from dayfile.api.memory_room import MemoryRoom


def test_no_more_is_taken_than_there_is() -> None:
    """Memory that is given back can be taken again."""
    room = MemoryRoom(10)
    assert room.take(6)
    assert not room.take(5)
    assert room.take(4)
    room.give_back(6)
    assert room.take(5)
