"""A sealed file as a test damages it: its bytes, in an object of its own or in a pack."""

from __future__ import annotations

from pathlib import Path

from dayfile.model.export import SealedDay


class StoredFile:
    """The bytes of one sealed file. It has what `tests/support/damage.py` asks of a path."""

    def __init__(self, root: Path, sealed: SealedDay) -> None:
        self.key = sealed.key
        self.path = root / sealed.place.object_key
        self._is_packed = sealed.place.is_packed
        self._start = sealed.place.start
        self._stop = sealed.place.start + sealed.size_bytes

    def read_bytes(self) -> bytes:
        """The bytes that are in its place."""
        content = self.path.read_bytes()
        return content[self._start : self._stop] if self._is_packed else content

    def write_bytes(self, content: bytes) -> None:
        """Put other bytes in its place; where fewer come, the rest of its part of a pack is lost."""
        if not self._is_packed:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_bytes(content)
            return
        was = self.path.read_bytes()
        there = content[: self._stop - self._start].ljust(self._stop - self._start, b"\0")
        self.path.write_bytes(was[: self._start] + there + was[self._stop :])

    def unlink(self) -> None:
        """Take the bytes away; others of a pack stay where they are."""
        if self._is_packed:
            self.write_bytes(b"")
        else:
            self.path.unlink()
