"""Claims of the demo, each with the expected and the actual value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One claim: the expected value, computed without the server, and the actual one."""

    claim: str
    expected: str
    found: str

    @property
    def holds(self) -> bool:
        """True if both values are the same."""
        return self.expected == self.found


def prove(claim: str, *, expected: object, found: object) -> Proof:
    """Return a claim about values of any type, compared as text."""
    return Proof(claim=claim, expected=_text(expected), found=_text(found))


def _text(value: object) -> str:
    return f"{value:,}" if type(value) is int else str(value)
