"""One snapshot for all that a thread reads meanwhile: of several requests, or of several parts of one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import NoReturn

from sqlalchemy.exc import SQLAlchemyError

from dayfile.errors import DatabaseUnavailable
from dayfile.store.kept_connections import KeptConnections
from dayfile.store.transaction import Transaction

Translate = Callable[[SQLAlchemyError], NoReturn]
"""A function that raises what an error of a driver means."""


class KeptSnapshot:
    """A snapshot on the connection to SQLite that its thread keeps."""

    def __init__(self, connections: KeptConnections, *, logins_as_of: int, translate: Translate) -> None:
        self._connections = connections
        self._logins_as_of = logins_as_of
        self._translate = translate

    def __enter__(self) -> Transaction:
        """Begin it; raises DatabaseUnavailable."""
        try:
            self._connection = self._connections.begin()
        except SQLAlchemyError as error:
            self._translate(error)
        return Transaction(self._connection, logins_as_of=self._logins_as_of)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it; after an error the next one of this thread has another connection."""
        if error is not None:
            self._connection.close()
            return
        try:
            self._connections.end(self._connection)
        except BaseException as raised:
            self._connection.close()
            if isinstance(raised, SQLAlchemyError):
                self._translate(raised)
            raise


class SharedSnapshot:
    """A snapshot that begins when it is first asked for. If that fails, nobody waits for the same failure again."""

    def __init__(
        self, of_thread: threading.local, begin: Callable[[], AbstractContextManager[Transaction]], translate: Translate
    ) -> None:
        self._of_thread = of_thread
        self._begin = begin
        self._translate = translate
        self._begun: AbstractContextManager[Transaction] | None = None
        self._found: Transaction | DatabaseUnavailable | None = None

    def __enter__(self) -> None:
        """Have all snapshots of this thread be this one."""
        self._of_thread.snapshot = self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it, if it has begun."""
        self._of_thread.snapshot = None
        if self._begun is not None:
            self._begun.__exit__(kind, error, trace)

    def part(self) -> Part:
        """Return the part of it that one reader has; raises DatabaseUnavailable."""
        if self._found is None:
            begun = self._begin()
            try:
                self._found = begun.__enter__()
                self._begun = begun
            except DatabaseUnavailable as error:
                self._found = error
        if isinstance(self._found, DatabaseUnavailable):
            raise self._found
        return Part(self._found, self._translate)


class Part:
    """The part of a shared snapshot that one reader has: errors of the driver mean the same as in one of its own."""

    __slots__ = ("_transaction", "_translate")

    def __init__(self, transaction: Transaction, translate: Translate) -> None:
        self._transaction = transaction
        self._translate = translate

    def __enter__(self) -> Transaction:
        """Return the transaction of all parts."""
        return self._transaction

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raise what an error of the driver means."""
        if isinstance(error, SQLAlchemyError):
            self._translate(error)
