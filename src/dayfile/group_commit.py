"""Group commit: items that come while a commit runs share the next one, and one that comes alone waits for nobody.

So a disk that does a few hundred commits a second serves thousands of senders. Intake commits batches with it, exports
the audit entries of links; micro-batches of the API are worked on in the same queue.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from operator import add, lt, sub
from typing import Any, Generic, NoReturn, TypeVar

from dayfile.errors import Transient

Item = TypeVar("Item")
Result = TypeVar("Result")

Size = tuple[int, ...]
"""The size of an item, or of several, in each measure that bounds a group."""


def one_each(_: object) -> Size:
    """Return the size of an item where only their number counts."""
    return (1,)


class GroupQueue(Generic[Item]):
    """A queue of items from any thread: all that wait when a thread is free are worked on in it, as one group.

    Threads start when they are needed.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], None],
        *,
        name: str,
        full_at: Size,
        size: Callable[[Item], Size] = one_each,
        threads: int = 1,
    ) -> None:
        """Take `work`, which answers each item and raises nothing. A group is full once it has `full_at` of a size."""
        self._work = work
        self._full_at = full_at
        self._size = size
        self._most_running = threads
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._changed = threading.Condition(threading.Lock())  # guards the fields below
        self._waiting: deque[tuple[Item, Size]] = deque()
        self._unfinished: Size = (0,) * len(full_at)
        self._running = 0  # groups; never 0 while something waits
        self._is_closed = False

    @property
    def unfinished(self) -> Size:
        """The size of all items that wait or are being worked on."""
        return self._unfinished

    @property
    def is_closed(self) -> bool:
        """True once no more is accepted."""
        return self._is_closed

    def put_all(self, items: Sequence[Item]) -> None:
        """Add items, for which a thread is woken once; raises Transient if closed."""
        with self._changed:
            self._add(items)
            self._start_if_needed()

    def put_here(self, items: Sequence[Item]) -> None:
        """Add items, and work on their group in this thread unless others are at work; raises Transient if closed.

        So no thread is woken for what comes alone.
        """
        with self._changed:
            self._add(items)
            if self._running == self._most_running or not items:
                return
            self._running += 1
            group = self._take()
        self._work([item for item, _ in group])
        with self._changed:
            self._let_go(group)
            self._stop()
            self._start_if_needed()

    def close(self) -> None:
        """Accept no more, and return when everything that waits is worked on. Closing twice is fine."""
        with self._changed:
            self._is_closed = True
            self._changed.wait_for(lambda: not self._running)
        self._threads.shutdown()

    def _add(self, items: Sequence[Item]) -> None:
        if self._is_closed:
            raise Transient("this server is shutting down: try again")
        for item in items:
            size = self._size(item)
            self._unfinished = tuple(map(add, self._unfinished, size))
            self._waiting.append((item, size))

    def _start_if_needed(self) -> None:
        if self._waiting and self._running < self._most_running:
            self._threads.submit(self._run)
            self._running += 1

    def _stop(self) -> None:
        self._running -= 1
        self._changed.notify_all()

    def _run(self) -> None:
        """Work on groups until nothing waits."""
        group = self._next(after=())
        while group:
            self._work([item for item, _ in group])
            group = self._next(after=group)

    def _next(self, *, after: Sequence[tuple[Item, Size]]) -> list[tuple[Item, Size]]:
        with self._changed:
            self._let_go(after)
            group = self._take()
            if not group:
                self._stop()
            return group

    def _take(self) -> list[tuple[Item, Size]]:
        """Return the items of the next group; another thread begins with the rest."""
        group: list[tuple[Item, Size]] = []
        total: Size = (0,) * len(self._full_at)
        while self._waiting and all(map(lt, total, self._full_at)):
            item, size = self._waiting.popleft()
            total = tuple(map(add, total, size))
            group.append((item, size))
        self._start_if_needed()
        return group

    def _let_go(self, group: Sequence[tuple[Item, Size]]) -> None:
        for _, size in group:
            self._unfinished = tuple(map(sub, self._unfinished, size))


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting(Generic[Item, Result]):
    item: Item
    answer: Future[Result] = field(default_factory=Future)


def _waiting(items: Sequence[Item]) -> list[_Waiting[Item, Any]]:
    group: list[_Waiting[Item, Any]] = [_Waiting(item) for item in items]
    for waiting in group:
        waiting.answer.set_running_or_notify_cancel()  # a sender that stops waiting does not stop the commit
    return group


def _raised(_: object, error: Exception) -> NoReturn:
    raise error


class GroupCommit(Generic[Item, Result]):
    """A queue of items from any thread, each answered after the commit that it shares with others."""

    def __init__(
        self,
        commit: Callable[[Sequence[Item]], Sequence[Result]],
        *,
        name: str,
        full_at: Size,
        size: Callable[[Item], Size] = one_each,
        fail: Callable[[Item, Exception], Result] = _raised,
    ) -> None:
        """Take `commit`, which makes all items durable and returns the result of each, in order, or raises.

        If it raises Transient, all items of the group have failed; otherwise each is tried by itself. An item that
        failed is answered with what `fail` returns or raises: without it, with the error.
        """
        self._commit = commit
        self._fail = fail

        def size_of(waiting: _Waiting[Item, Result]) -> Size:
            return size(waiting.item)

        self._queue = GroupQueue(self._answer_all, name=name, full_at=full_at, size=size_of)

    @property
    def unfinished(self) -> Size:
        """The size of all items that wait or are being committed."""
        return self._queue.unfinished

    @property
    def is_closed(self) -> bool:
        """True once no more is accepted."""
        return self._queue.is_closed

    def submit(self, item: Item) -> Future[Result]:
        """Submit an item; its future gives the result once it is durable. Raises Transient if closed."""
        return self.submit_all([item])[0]

    def submit_all(self, items: Sequence[Item]) -> list[Future[Result]]:
        """Submit several items for the same commit. A failed one raises from its own future; the others are unaffected.

        Raises Transient if closed.
        """
        group = _waiting(items)
        self._queue.put_all(group)
        return [waiting.answer for waiting in group]

    def submit_here(self, items: Sequence[Item]) -> list[Future[Result]]:
        """Submit as `submit_all` does, and commit in this thread unless another commit is under way."""
        group = _waiting(items)
        self._queue.put_here(group)
        return [waiting.answer for waiting in group]

    def commit(self, item: Item) -> Result:
        """Commit an item and return its result; in this thread, unless it must wait for another commit.

        Raises the item's error, and Transient if closed.
        """
        return self.submit_here([item])[0].result()

    def close(self) -> None:
        """Accept no more, answer everything that waits, and return when that is done. Closing twice is fine."""
        self._queue.close()

    def _answer_all(self, group: Sequence[_Waiting[Item, Result]]) -> None:
        try:
            self._answer(group)
        except BaseException as error:  # noqa: BLE001 - whatever it is, nobody may be left waiting for it
            for waiting in group:
                if not waiting.answer.done():
                    waiting.answer.set_exception(error)

    def _answer(self, group: Sequence[_Waiting[Item, Result]]) -> None:
        """Commit a group and answer everybody in it; an error caused by one item is told to its sender only."""
        try:
            results = self._commit([waiting.item for waiting in group])
        except Transient as error:
            for waiting in group:
                self._answer_failed(waiting, error)
        except Exception as error:  # noqa: BLE001 - it is handed to whoever sent the item
            if len(group) == 1:
                self._answer_failed(group[0], error)
            else:
                for waiting in group:
                    self._answer([waiting])
        else:
            for waiting, result in zip(group, results, strict=True):
                waiting.answer.set_result(result)

    def _answer_failed(self, waiting: _Waiting[Item, Result], error: Exception) -> None:
        try:
            waiting.answer.set_result(self._fail(waiting.item, error))
        except Exception as answer:  # noqa: BLE001 - as above
            waiting.answer.set_exception(answer)
