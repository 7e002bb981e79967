"""Claims of the demo, each with the expected and the actual value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rich.table import Table
from rich.text import Text

from dayfile.cli.terminal import Column, new_table

_GOOD: Final = ("yes", "green")
_BAD: Final = ("NO", "bold red")


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


def draw_proofs(proofs: list[Proof]) -> Table:
    """Return a table of the claims and whether they hold."""
    columns = (
        Column("WHAT", wraps=True),
        Column("EXPECTED", right=True),
        Column("FOUND", right=True),
        Column("HOLDS", whole=True),
    )
    table = new_table(columns)
    for proof in proofs:
        table.add_row(proof.claim, proof.expected, proof.found, Text(*(_GOOD if proof.holds else _BAD)))
    return table


def _text(value: object) -> str:
    return f"{value:,}" if type(value) is int else str(value)
