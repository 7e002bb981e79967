"""Intake on a real state database and a real storage folder, and a look at what waits after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from dayfile.files import segments
from dayfile.files.storage import LocalStorage, Storage
from dayfile.intake.body import Compression
from dayfile.intake.compaction import MOST_SEGMENTS, Compaction, CompactionRule
from dayfile.intake.pipeline import IncomingBatch, Intake
from dayfile.model.account import Account
from dayfile.model.credential import EVERYTHING, Caller, Scope
from dayfile.model.day import Day
from dayfile.model.resource import MESSAGES, ResourceType
from dayfile.model.segment import Segment
from dayfile.store.database import Database
from tests.support.clock import FakeClock
from tests.support.randomness import SeededRandomness
from tests.support.records import Sent, body_of
from tests.support.state import a_database

OPERATOR = Caller(credential="SK" + "0" * 32, account=None, scopes=frozenset({Scope.INTAKE}), permissions=frozenset())
SWEEP_DELAY = timedelta(days=7)


def caller_of(account: Account) -> Caller:
    """An account with its own credentials."""
    return Caller(credential=account.sid, account=account, scopes=frozenset(), permissions=EVERYTHING)


def a_delivery(
    body: bytes | Iterable[bytes | Sent],
    *,
    caller: Caller = OPERATOR,
    resource_type: ResourceType = MESSAGES,
    compression: Compression | None = None,
    key: str | None = None,
) -> IncomingBatch:
    """A batch as a sender gives it: bytes, blocks of bytes, or records."""
    return IncomingBatch(
        caller=caller, resource_type=resource_type, blocks=_blocks(body), compression=compression, idempotency_key=key
    )


def _blocks(body: bytes | Iterable[bytes | Sent]) -> Iterator[bytes]:
    if isinstance(body, bytes):
        yield body
        return
    for block in body:
        yield body_of([block]) if isinstance(block, Sent) else block


class Place:
    """The place of an instance: what is on disk, whichever process looks at it."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.database = a_database(folder)
        self.storage = LocalStorage(folder / "objects")
        self._processes = 0

    @contextmanager
    def process(
        self,
        *,
        database: Database | None = None,
        storage: Storage | None = None,
        **options: Any,
    ) -> Iterator[Intake]:
        """Intake as a process has it; in a storage and a database that may have their troubles."""
        self._processes += 1
        settings: dict[str, Any] = {"accounts_may_write": False, "max_body_bytes": 1 << 30} | options
        intake = Intake(
            database or self.database,
            storage or self.storage,
            clock=self.clock,
            randomness=SeededRandomness(f"process {self._processes}"),
            **settings,
        )
        try:
            yield intake
        finally:
            intake.close()

    def compaction(
        self,
        *,
        storage: Storage | None = None,
        least_segments: int = 2,
        most_segments: int = MOST_SEGMENTS,
        large_bytes: int = 0,
        least_large_segments: int | None = None,
    ) -> Compaction:
        """Compaction that finds it worth while early."""
        self._processes += 1
        return Compaction(
            self.database,
            storage or self.storage,
            clock=self.clock,
            randomness=SeededRandomness(f"process {self._processes}"),
            sweep_delay=SWEEP_DELAY,
            rule=CompactionRule(
                least_segments=least_segments,
                least_large_segments=least_large_segments or least_segments,
                most_segments=most_segments,
                large_bytes=large_bytes,
            ),
        )

    def segments(self, day: str, resource_type: ResourceType = MESSAGES) -> list[Segment]:
        """The segments that wait for a day."""
        with self.database.snapshot() as tx:
            return tx.segments.of_day(resource_type, Day.parse(day))

    def waiting(self, resource_type: ResourceType = MESSAGES) -> dict[str, list[bytes]]:
        """The lines that wait, by day, in the order of their arrival."""
        with self.database.snapshot() as tx:
            days = [day.day for day in tx.segments.waiting() if day.resource_type is resource_type]
        return {str(day): self._lines(str(day), resource_type) for day in days}

    def rejected(self) -> list[tuple[str, int, bytes]]:
        """The lines that were refused and are kept: source, number and bytes."""
        with self.database.snapshot() as tx:
            kept = tx.rejections.listed(limit=10_000)
        return [(one.source, one.refusal.line_number, one.refusal.line) for one in kept]

    def pending(self) -> int:
        """The number of announced objects that neither count nor are given up."""
        with self.database.snapshot() as tx:
            return len([key for key in self.storage.scan("segments/") if _state(tx, key) == "pending"])

    def unaccounted(self) -> list[str]:
        """Objects that the ledger does not know: nobody would ever sweep them."""
        with self.database.snapshot() as tx:
            return [key for key in self.storage.scan("") if tx.uploads.find(key) is None]

    def _lines(self, day: str, resource_type: ResourceType) -> list[bytes]:
        found = self.segments(day, resource_type)
        with self.database.snapshot() as tx:
            inline = tx.segments.inline([segment.id for segment in found])
        sources = [
            segments.Source(
                id=segment.id,
                data=inline[segment.id] if segment.key is None else b"".join(self.storage.read(segment.key)),
            )
            for segment in found
        ]
        # A compaction of everything knows all arrivals.
        return segments.decode(b"".join(segments.Merged(sources, resource_type)))


def _state(tx: Any, key: str) -> str:
    upload = tx.uploads.find(key)
    return "unknown" if upload is None else str(upload.state)
