"""Lines that are read ahead while the text of the day files is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from threading import Event
from typing import Any

from dayfile.sealing.ordered_lines import _one_ahead


class Noting(ThreadPoolExecutor):
    """Threads that remember what they were given."""

    def __init__(self, max_workers: int) -> None:
        super().__init__(max_workers)
        self.submitted: list[Future[Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.submitted.append(super().submit(fn, *args, **kwargs))
        return self.submitted[-1]


def test_what_is_under_way_is_over_when_the_text_is() -> None:
    """DuckDB does not close what is in use, and its saying so would hide the error that ended the text."""
    begun, go_on, left, order = Event(), Event(), Event(), list[str]()

    def batches() -> Iterator[str]:
        yield "first"
        begun.set()
        go_on.wait()
        order.append("ended")
        yield "second"

    def leave(pool: Executor) -> None:
        with _one_ahead(batches(), pool) as ahead:
            assert next(ahead) == "first"
            begun.wait()
        order.append("left")
        left.set()

    with Noting(1) as pool, ThreadPoolExecutor(1) as other:
        leaving = other.submit(leave, pool)
        begun.wait()
        while not left.is_set() and not pool.submitted[-1]._waiters:
            pass  # until somebody waits for the batch, or has left without waiting
        go_on.set()
        leaving.result()
    assert order == ["ended", "left"]


def test_what_has_not_begun_when_the_text_ends_does_not_begin() -> None:
    """Behind it in the pool may be work of others that takes long."""
    asked = []

    def batches() -> Iterator[str]:
        yield "first"
        asked.append("second")

    gate = Event()
    with ThreadPoolExecutor(1) as pool:
        with _one_ahead(batches(), pool) as ahead:
            pool.submit(gate.wait)
            assert next(ahead) == "first"
        gate.set()
    assert asked == []


def test_batches_come_as_they_are() -> None:
    """Being read ahead must not show."""
    with ThreadPoolExecutor(1) as pool, _one_ahead(iter("abc"), pool) as ahead:
        assert list(ahead) == ["a", "b", "c"]
