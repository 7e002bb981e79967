"""Rounds: small requests that are worked on together, in one hop to a thread and one back.

What a record costs is mostly what goes on around it: a thread that is woken up, a question to the database, another
thread. Whoever comes while a round is under way waits for the next one and shares all of that; whoever comes alone is
a round of their own, at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Generic, TypeVar

MOST_REQUESTS = 128
"""A round takes no more requests: each of them waits until all are done."""

_AT_ONCE = 2  # one is prepared while the one before waits for its commit

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


class Rounds(Generic[Asked, Answered]):
    """Gathers what is asked into rounds. Belongs to one event loop."""

    def __init__(self, work: Callable[[Sequence[Asked]], Sequence[Answered | Exception]], *, name: str) -> None:
        """`work` runs in a thread; it gives an answer, or the reason for none, to each of those who ask, in order."""
        self._work = work
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix=name)
        self._waiting: deque[tuple[Asked, asyncio.Future[Answered]]] = deque()
        self._running = 0

    async def ask(self, asked: Asked) -> Answered:
        """Wait for the answer from the next round; raises what it says instead."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answered] = loop.create_future()
        self._waiting.append((asked, answer))
        loop.call_soon(self._begin)  # not at once: others that the loop hears of in this turn come along
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
            if answer.done():  # whoever asked does not wait any more
                continue
            if isinstance(outcome, BaseException):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)
