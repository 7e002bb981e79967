"""Greenlets that run functions for an event loop: one is left where it waits for a future, and resumed with its result.

Apart, because they know nothing of databases. Each is used again and again: to make the stack of a new one takes Python
as long as a reading.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Any, Final, TypeVar, cast

MOST_IDLE: Final = 64
"""Most greenlets that are kept for the next functions."""

T = TypeVar("T")


class Greenlets:
    """The greenlets of one thread, whose event loop runs in none."""

    def __init__(self) -> None:
        from greenlet import GreenletExit, getcurrent, greenlet

        self._new, self._ending = greenlet, GreenletExit
        self._leave: Callable[[Any], Any] = getcurrent().switch
        self._idle: list[Any] = []

    def wait(self, future: asyncio.Future[T]) -> T:
        """Return the result of a future, in a function that is run here; raises its error."""
        return cast("T", self._leave(future))

    async def run(self, function: Callable[[], T], *, context: Context) -> T:
        """Return what a function returns, and raise what it raises. It runs in this context."""
        one = self._idle.pop() if self._idle else self._new(self._serve)
        one.gr_context = context
        told = one.switch(function)
        while isinstance(told, asyncio.Future):
            try:
                result = await told
            except BaseException as error:  # noqa: BLE001 - the function is told, and raises what it makes of it
                told = one.throw(error)
            else:
                told = one.switch(result)
        returned, raised = told
        told.clear()  # what waits for the next function keeps nothing of this one
        one.gr_context = None
        if len(self._idle) < MOST_IDLE:
            self._idle.append(one)
        if raised is None:
            return cast("T", returned)
        try:
            raise raised
        finally:
            del raised  # whose traceback refers to this

    def _serve(self, function: Callable[[], Any] | None) -> None:
        """Run one function after the other, in a greenlet."""
        while function is not None:
            ended = self._ended(function)
            function = None
            function = self._leave(ended)

    def _ended(self, function: Callable[[], Any]) -> list[Any]:
        """Return what a function returns and what it raises."""
        try:
            return [function(), None]
        except self._ending:
            raise
        except BaseException as error:  # noqa: BLE001 - it is raised where the function was asked for
            return [None, error]
