"""Micro-batching: small requests are worked on together in rounds, with one thread hop for all of them.

Most of the cost of a small request is overhead: waking a thread, a query, another thread. Requests that come while a
round is running wait for the next one and share that overhead; a request that comes alone is a round of its own, at
once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Generic, TypeVar

MOST_REQUESTS = 128
"""Limit of requests in a round, since each of them waits until all are done."""

_AT_ONCE = 2  # rounds: one is prepared while the one before waits for its commit

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


class Rounds(Generic[Asked, Answered]):
    """A queue that groups requests into rounds. Belongs to one event loop."""

    def __init__(self, work: Callable[[Sequence[Asked]], Sequence[Answered | Exception]], *, name: str) -> None:
        """Take `work`, which runs in a thread and returns a result or an error for each request, in order."""
        self._work = work
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix=name)
        self._waiting: deque[tuple[Asked, asyncio.Future[Answered]]] = deque()
        self._running = 0

    async def ask(self, asked: Asked) -> Answered:
        """Return the result of the next round for a request; raises its error."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answered] = loop.create_future()
        self._waiting.append((asked, answer))
        loop.call_soon(self._begin)  # not at once, so that other requests of this iteration of the loop join
        return await answer

    def _begin(self) -> None:
        if not self._waiting or self._running == _AT_ONCE:
            return
        some = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_REQUESTS))]
        self._running += 1
        loop = asyncio.get_running_loop()
        done = loop.run_in_executor(self._threads, self._work, [asked for asked, _ in some])
        done.add_done_callback(partial(self._end, [answer for _, answer in some]))

    def _end(
        self, answers: Sequence[asyncio.Future[Answered]], done: asyncio.Future[Sequence[Answered | Exception]]
    ) -> None:
        self._running -= 1
        self._begin()
        error = done.exception()
        outcomes = done.result() if error is None else [error] * len(answers)
        for answer, outcome in zip(answers, outcomes, strict=True):
            if answer.done():  # the request was cancelled
                continue
            if isinstance(outcome, BaseException):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)
