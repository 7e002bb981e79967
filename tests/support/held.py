"""A database in which something happens between the last statement of a transaction and its commit."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from dayfile.store.database import Database
from dayfile.store.transaction import Transaction


class HeldDatabase(Database):
    """A database whose commits can be held up, or fail."""

    @classmethod
    def of(cls, database: Database, during_commit: Callable[[int], None]) -> HeldDatabase:
        """The same database; `during_commit` is told the number of each commit, and may raise."""
        held = cls.__new__(cls)
        held.__dict__.update(database.__dict__, during_commit=during_commit, commits=0)
        return held

    during_commit: Callable[[int], None]
    commits: int

    @contextlib.contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Transaction]:
        self.commits += 1
        with super().transaction(durable=durable) as tx:
            yield tx
            self.during_commit(self.commits)
