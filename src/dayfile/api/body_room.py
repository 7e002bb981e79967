"""Memory and threads for the bodies of authorized senders, shared so that no customer takes all of it.

The operator's keys may use everything: the platform's records come with them. Customers, where accounts may write, get
a share for each family of accounts, and all of them together leave a quarter to the operator.
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
    """Counts what is held for bodies. Belongs to one event loop."""

    def __init__(self, *, limit_bytes: int, limit_streams: int) -> None:
        """`limit_streams` bodies are received as streams at once, and hold a thread each while they come."""
        self._bytes = _Counted(limit_bytes, what="more batches are on their way than fit in memory")
        self._streams = _Counted(limit_streams, what=f"{limit_streams} large bodies are being received already")

    @contextmanager
    def share(self, sender: Caller) -> Iterator[Share]:
        """Give a sender a share for one body, which ends with the block."""
        share = Share(self._bytes, self._streams, root=None if sender.account is None else sender.account.root)
        try:
            yield share
        finally:
            share.end()


class Share:
    """Bytes and a thread that are held for one body."""

    def __init__(self, held: _Counted, streams: _Counted, *, root: AccountSid | None) -> None:
        self._held = held
        self._streams = streams
        self._root = root
        self._size = self._stream = 0

    def hold(self, size: int) -> None:
        """Count bytes that have come; raises TooManyRequests if there is no room for them."""
        self._held.add(self._root, size)
        self._size += size

    def begin_stream(self) -> None:
        """Count the body as a stream; raises TooManyRequests if there are too many."""
        self._streams.add(self._root, 1)
        self._stream = 1

    def end(self) -> None:
        """Give everything back."""
        self._held.remove(self._root, self._size)
        self._streams.remove(self._root, self._stream)


class _Counted:
    """One thing that there is only so much of."""

    def __init__(self, limit: int, *, what: str) -> None:
        self._limit = limit
        self._what = what
        self._taken = 0
        self._by_root: Counter[AccountSid] = Counter()  # of customers only

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
