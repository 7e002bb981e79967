"""Bulkheads for request bodies: memory and threads are shared so that no customer takes all of them.

The operator's keys, with which the platform sends its records, may use everything. Where accounts may write, a root
account and its subaccounts get at most a quarter, and all customers together leave a quarter to the operator.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from dayfile.errors import TooManyRequests
from dayfile.model.account import AccountSid
from dayfile.model.credential import Caller

_RETRY_AFTER_SECONDS = 1


class BodyRoom:
    """Counts of the memory and threads in use for bodies. Belongs to one event loop."""

    def __init__(self, *, limit_bytes: int, limit_streams: int) -> None:
        """Set the limits: bytes held in memory, and bodies streamed at once, each of which occupies a thread."""
        self._bytes = _Counted(limit_bytes, what="more batches are on their way than fit in memory")
        self._streams = _Counted(limit_streams, what=f"{limit_streams} large bodies are being received already")

    @contextmanager
    def share(self, sender: Caller) -> Iterator[Share]:
        """Provide a share for one body of a sender; it is released when the block ends."""
        share = Share(self._bytes, self._streams, root=None if sender.account is None else sender.account.root)
        try:
            yield share
        finally:
            share.end()


class Share:
    """The bytes and the thread that one body holds."""

    def __init__(self, held: _Counted, streams: _Counted, *, root: AccountSid | None) -> None:
        self._held = held
        self._streams = streams
        self._root = root
        self._size = self._stream = 0

    def hold(self, size: int) -> None:
        """Count bytes that have arrived; raises TooManyRequests if there is no room for them."""
        self._held.add(self._root, size)
        self._size += size

    def begin_stream(self) -> None:
        """Count the body as a stream; raises TooManyRequests if there are too many."""
        self._streams.add(self._root, 1)
        self._stream = 1

    def end(self) -> None:
        """Release everything."""
        self._held.remove(self._root, self._size)
        self._streams.remove(self._root, self._stream)


class _Counted:
    """A limited resource: of the total, a quarter per customer, three quarters for all customers together."""

    def __init__(self, limit: int, *, what: str) -> None:
        self._limit = limit
        self._what = what
        self._taken = 0
        self._by_root: Counter[AccountSid] = Counter()  # customers only

    def add(self, root: AccountSid | None, amount: int) -> None:
        too_many = self._taken + amount > self._limit
        if root is not None and not too_many:
            too_many = (
                self._by_root[root] + amount > self._limit // 4
                or self._by_root.total() + amount > self._limit - self._limit // 4
            )
        if too_many:
            raise TooManyRequests(
                f"{self._what}: send the same batch again in a moment", retry_after=_RETRY_AFTER_SECONDS
            )
        self._taken += amount
        if root is not None:
            self._by_root[root] += amount

    def remove(self, root: AccountSid | None, amount: int) -> None:
        self._taken -= amount
        if root is not None:
            self._by_root[root] -= amount
            if not self._by_root[root]:
                del self._by_root[root]
