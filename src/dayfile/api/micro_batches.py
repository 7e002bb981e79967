"""Micro-batching: small requests are worked on together, with one thread hop for all of them, or with none.

Most of the cost of a small request is overhead: waking a thread, a query, another thread. Requests that come while a
micro-batch is worked on wait for the next one and share that overhead; a request that comes alone is one of its own, at
once. What surely waits for nothing may be worked on by the event loop itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import Context
from typing import Generic, TypeVar

from dayfile.group_commit import GroupQueue

MOST_REQUESTS = 128
"""Limit of requests in a micro-batch, since each of them waits until all are done."""

AT_ONCE = 2
"""Number of micro-batches that are worked on at once: one is prepared while the one before waits for its commit."""

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


class MicroBatches(Generic[Asked, Answered]):
    """A queue that groups requests into micro-batches. Belongs to one event loop."""

    def __init__(
        self,
        work: Callable[[Sequence[Asked]], Sequence[Answered | Exception]],
        *,
        name: str,
        most: int = MOST_REQUESTS,
        threads: int = AT_ONCE,
        try_in_loop: Callable[[Sequence[Asked]], Sequence[Answered | Exception] | None] | None = None,
    ) -> None:
        """Take `work`, which runs in a thread and returns a result or an error for each request, in order.

        A micro-batch has at most `most` of them, and as many are worked on at once as there are threads. With
        `try_in_loop` the loop calls it first, and `work` is for the micro-batches for which it returns None.
        """
        self._work = work
        self._try_in_loop = try_in_loop
        self._most = most
        self._asked: list[tuple[Asked, asyncio.Future[Answered]]] = []  # in this iteration of the loop
        self._queue = GroupQueue(self._answer, name=name, full_at=(most,), threads=threads)

    async def ask(self, asked: Asked) -> Answered:
        """Return the result of the next micro-batch for a request; raises its error."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answered] = loop.create_future()
        self._asked.append((asked, answer))
        if len(self._asked) == 1:
            # Not at once, so that other requests of this iteration of the loop join; and as none of them.
            loop.call_soon(self._put, context=Context())
        return await answer

    def _put(self) -> None:
        if self._try_in_loop is None:
            asked, self._asked = self._asked, []
            self._queue.put_all(asked)
            return
        asked, self._asked = self._asked[: self._most], self._asked[self._most :]
        if self._asked:
            asyncio.get_running_loop().call_soon(self._put)  # in between, answers are sent and others get their turn
        answers = [answer for _, answer in asked]
        try:
            outcomes = self._try_in_loop([one for one, _ in asked])
        except Exception as error:  # noqa: BLE001 - as in a thread
            outcomes = [error] * len(asked)
        if outcomes is None:
            self._queue.put_all(asked)
        else:
            _settle(answers, outcomes)

    def _answer(self, group: Sequence[tuple[Asked, asyncio.Future[Answered]]]) -> None:
        """Work on a micro-batch, in a thread, and wake the loop once for all its answers."""
        outcomes: Sequence[Answered | BaseException]
        try:
            outcomes = self._work([asked for asked, _ in group])
        except BaseException as error:  # noqa: BLE001 - it is raised in every request of the group
            outcomes = [error] * len(group)
        answers = [answer for _, answer in group]
        with suppress(RuntimeError):  # the loop is closed, and nobody waits
            answers[0].get_loop().call_soon_threadsafe(_settle, answers, outcomes)


def _settle(answers: Sequence[asyncio.Future[Answered]], outcomes: Sequence[Answered | BaseException]) -> None:
    for answer, outcome in zip(answers, outcomes, strict=True):
        if answer.done():  # the request was cancelled
            continue
        if isinstance(outcome, BaseException):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)
