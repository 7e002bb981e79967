"""Lines of one text, which is cut only where somebody asks for a line: most are read together, as text again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload


class TextLines(Sequence[bytes]):
    """Lines of a text, without their newlines. A slice is one, too, and cuts nothing.

    Pickled, it takes only its own part of the text along.
    """

    __slots__ = ("_ends", "_lines", "_start", "_text")

    def __init__(self, text: bytes, ends: Sequence[int], *, start: int = 0) -> None:
        """Take where each line of a text ends, its newline included; the first one begins at `start`."""
        self._text = text
        self._ends = ends
        self._start = start
        self._lines: list[bytes] | None = None  # once all were asked for

    @property
    def joined(self) -> bytes:
        """The lines as one text, with newlines between them."""
        return self._text[self._start : self._ends[-1] - 1] if self._ends else b""

    @property
    def size_bytes(self) -> int:
        """The bytes of all lines."""
        return self._ends[-1] - self._start - len(self._ends) if self._ends else 0

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> TextLines: ...
    def __getitem__(self, at: int | slice) -> bytes | TextLines:
        if isinstance(at, int):
            number = range(len(self._ends))[at]
            return self._text[self._begin(number) : self._ends[number] - 1]
        start, stop, step = at.indices(len(self._ends))
        if step != 1:
            raise ValueError("lines of a text are taken one after the other")
        return TextLines(self._text, self._ends[start:stop], start=self._begin(start))

    def __iter__(self) -> Iterator[bytes]:
        if self._lines is None:
            self._lines = self.joined.split(b"\n") if self._ends else []
        return iter(self._lines)

    def __reduce__(self) -> tuple[type[TextLines], tuple[bytes, list[int]]]:
        return TextLines, (self.joined + b"\n", [end - self._start for end in self._ends])

    def _begin(self, number: int) -> int:
        return self._ends[number - 1] if number else self._start


def joined(lines: Sequence[bytes]) -> bytes:
    """Return lines as one text, with newlines between them."""
    return lines.joined if isinstance(lines, TextLines) else b"\n".join(lines)


def size_of(lines: Sequence[bytes]) -> int:
    """Return the bytes of all lines, without newlines."""
    return lines.size_bytes if isinstance(lines, TextLines) else sum(map(len, lines))
