"""Reading of a chunk of a file apart from its commit: a pure function, so that any process can do it, and again.

The verdicts on accounts come with the chunk, since only its commit may ask the database. The lines of accounts that
are not among them are taken as accepted, and whoever commits the chunk has to see that they are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from dayfile.intake.batch import Sorting
from dayfile.intake.gate import Refused
from dayfile.intake.lines import Lines
from dayfile.intake.packed_day import PackedDay, packed
from dayfile.model.account import AccountSid
from dayfile.model.line_reader import line_reader
from dayfile.model.receipt import Refusal
from dayfile.model.resource import ResourceType

MOST_REFUSALS: Final = 50_000
"""The most refused lines of a chunk that is read apart: they wait in memory, and are written where it is committed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadChunk:
    """The lines of a chunk, and everything else that its records and refusals depend on."""

    resource_type: ResourceType
    lines: Sequence[Lines]
    now: datetime
    keep_dropped: bool
    may_be_compiled: bool
    refused: Mapping[AccountSid, Refused]  # the accounts whose lines are refused


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadChunk:
    """A chunk that is read: its records as segments keep them, its refusals, and the verdicts that were applied."""

    days: tuple[PackedDay, ...]
    accepted: int
    refusals: tuple[Refusal, ...]  # all, with their lines
    accounts: frozenset[AccountSid]  # of records that were accepted
    refused: Mapping[AccountSid, Refused]  # the accounts whose records were refused


def read_chunk(chunk: UnreadChunk) -> ReadChunk | None:
    """Return a chunk as it is read in one go; None if too many lines are refused to wait in memory.

    Raises TooLarge if more are refused than in any batch.
    """
    gate = _GivenGate(chunk.refused)
    reader = line_reader(
        chunk.resource_type,
        keep_dropped=chunk.keep_dropped,
        now=chunk.now,
        may_be_compiled=chunk.may_be_compiled,
    )
    sorting = Sorting(chunk.resource_type, gate=gate, reader=reader, checks_beginning=False)
    refusals: list[Refusal] = []
    for lines in chunk.lines:
        for _ in sorting.add(lines):
            refusals += sorting.take_refusals()
            if len(refusals) > MOST_REFUSALS:
                return None
    days = sorting.drain()
    return ReadChunk(
        days=tuple(map(packed, days)),
        accepted=sorting.accepted,
        refusals=tuple(refusals),
        accounts=frozenset(gate.known),
        refused=gate.applied,
    )


class _GivenGate:
    """A gate with verdicts that were given before; every other account is let in."""

    def __init__(self, refused: Mapping[AccountSid, Refused]) -> None:
        self._refused = refused
        self.known: set[AccountSid] = set()
        self.applied: dict[AccountSid, Refused] = {}

    def judge(self, accounts: Collection[AccountSid]) -> Mapping[AccountSid, Refused]:
        verdicts = {account: self._refused[account] for account in accounts if account in self._refused}
        self.known.update(account for account in accounts if account not in verdicts)
        self.applied |= verdicts
        return verdicts
