"""A day of the simulation: the segments that wait for it, by size, and where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from dayfile.intake import compaction as rules

LIMITS: Final = (*rules._STEPS, rules.LARGE_BYTES, 1 << 60)  # noqa: SLF001 - the real sizes


@dataclass(slots=True, eq=False)
class Segment:
    """Some records that wait to be sealed."""

    size: float
    records: float
    is_gone: bool = False
    is_held: bool = False
    is_claimed: bool = False  # somebody compacts it, or has died and its claim has not ended


@dataclass(slots=True)
class DayWork:
    """The state of one day."""

    records: float = 0.0  # sealed by now
    sizes: dict[int, list[Segment]] = field(default_factory=lambda: {limit: [] for limit in LIMITS})
    is_sealed: bool = False
    is_claimed: bool = False
    first_late: float | None = None

    def add(self, segment: Segment, times: int = 1) -> None:
        """Add a segment, or several like it, to those of its size."""
        self.sizes[next(limit for limit in LIMITS if segment.size <= limit)] += [
            segment if one == 0 else Segment(segment.size, segment.records) for one in range(times)
        ]

    @property
    def segments(self) -> list[Segment]:
        """All that wait."""
        return [one for some in self.sizes.values() for one in some]

    def count(self) -> int:
        """Count them."""
        return sum(map(len, self.sizes.values()))

    def drop(self, gone: Sequence[Segment]) -> None:
        """Let go of segments."""
        for one in gone:
            one.is_gone = True
        limits = {limit for limit in LIMITS if any(one.size <= limit for one in gone)}
        for limit, some in self.sizes.items():
            if limit in limits and some[: len(gone)] == gone:
                del some[: len(gone)]
            elif limit in limits:
                self.sizes[limit] = [one for one in some if not one.is_gone]
