"""The beginning of a batch, which tells whether all of it was sent by mistake: to another address, or as another file.

Such a batch is refused as a whole: its lines are not wrong one by one, and to keep each as a rejection helps nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dayfile.errors import InvalidBody, InvalidRecord
from dayfile.model.part import Part
from dayfile.model.receipt import without_value
from dayfile.model.resource import ResourceType

TOLD_BY: Final = 1000
FEWEST: Final = 100
"""A batch is refused if its first TOLD_BY lines, or all of FEWEST or more, are of other types, or no objects."""


class Beginning:
    """The lines of a batch so far, for as long as there was nothing else than one mistake."""

    def __init__(self, resource_type: ResourceType) -> None:
        self._resource_type = resource_type
        self._types: set[str] = set()  # of lines with sids of other types; without any, no line is an object
        self._count = 0
        self._first: tuple[int, InvalidRecord] | None = None  # the number of the first line, and what it lacks

    def is_mistaken(self, part: Part, numbers: Sequence[int]) -> bool:
        """Return whether all lines, with those of the next part, are of other types, or all of them no objects.

        Raises InvalidBody if these are enough to tell.
        """
        for count, (at, invalid) in enumerate(part.refused):
            if part.start + count != at or not self._is_alike(invalid):
                return False
            self._first = self._first or (numbers[at], invalid)
            if invalid.of_type is not None:
                self._types.add(invalid.of_type)
            self._count += 1
            if self._count == TOLD_BY:
                raise self._refused(f"the first {TOLD_BY:,} lines")
        return not part.count

    def end(self) -> None:
        """Raise InvalidBody if that was the whole batch, and its lines are many."""
        if self._count >= FEWEST:
            raise self._refused(f"all {self._count} lines")

    def _is_alike(self, invalid: InvalidRecord) -> bool:
        if self._first is None:
            return invalid.of_type is not None or not invalid.is_object
        return (invalid.of_type is not None) if self._types else not invalid.is_object

    def _refused(self, lines: str) -> InvalidBody:
        if self._types or self._first is None:
            types = " and ".join(sorted(self._types))
            return InvalidBody(
                f"{lines} have sids of {types}, not {self._resource_type}: nothing was taken, send them as {types}"
            )
        number, invalid = self._first
        return InvalidBody(
            f"{lines} are no JSON objects: nothing was taken, send one JSON object on each line, or one JSON array of "
            f"them; line {number} {without_value(invalid.reason)}"
        )
