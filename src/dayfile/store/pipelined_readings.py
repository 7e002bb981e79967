"""Readings that an event loop does itself on PostgreSQL: each snapshot of them is one statement, sent in a pipeline.

The code of a reading is the same as in a thread. It runs in a greenlet, which is left where it waits for rows, so that
the loop does something else meanwhile. What needs more than one statement of one moment is for a thread.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoneFree

from dayfile.store.greenlets import Greenlets
from dayfile.store.postgres_engine import RENEWED_AFTER_SECONDS, is_time_due
from dayfile.store.postgres_pipeline import NotInPipeline, PostgresPipeline
from dayfile.store.postgres_session import KEPT_AS

LEAST_CONNECTIONS: Final = 3
"""Connections of a process below which none is kept for a pipeline."""

_AGAIN_AFTER_SECONDS: Final = 1.0
"""Time between two tries to get a connection for it."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Here:
    """The reading that runs: what it reads from, and what it waits by."""

    engine: Engine
    pipeline: PostgresPipeline
    greenlets: Greenlets


_HERE: contextvars.ContextVar[_Here | None] = contextvars.ContextVar("reading", default=None)


class PipelinedReadings:
    """The readings of one event loop, and the connection that they share."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pipeline: PostgresPipeline | None = None
        self._opening: asyncio.Task[None] | None = None
        self._renewing: asyncio.TimerHandle | None = None
        self._is_possible = True  # there is no pooler
        self._lock = threading.Lock()  # guards the fields below
        self._made: list[PostgresPipeline] = []
        self._is_closed = False

    async def run(self, read: Callable[[], T]) -> T:
        """Return what a reading returns, and raise what it raises; NotInPipeline if it is for a thread."""
        pipeline, greenlets, context = self._usable(), self._greenlets, contextvars.copy_context()
        context.run(_HERE.set, _Here(engine=self._engine, pipeline=pipeline, greenlets=greenlets))
        return await greenlets.run(read, context=context)

    def close(self) -> None:
        """Close the connection, in any thread. Closing twice is fine."""
        with self._lock:
            self._is_closed, made, self._made = True, self._made, []
        for pipeline in made:
            pipeline.close_from_anywhere()

    def _usable(self) -> PostgresPipeline:
        if self._loop is not (loop := asyncio.get_running_loop()):
            self._loop, self._pipeline, self._opening, self._renewing = loop, None, None, None
            self._greenlets = Greenlets()
        pipeline = self._pipeline
        if pipeline is None or not pipeline.is_usable:
            self._renew()
            raise NotInPipeline
        if is_time_due(self._engine):  # a transaction asks for it, which a thread begins
            raise NotInPipeline
        return pipeline

    def _renew(self) -> None:
        if self._is_possible and self._opening is None and not self._is_closed:
            self._opening = asyncio.get_running_loop().create_task(self._open(), context=contextvars.Context())

    async def _open(self) -> None:
        """Open a pipeline in the place of the one that there is."""
        try:
            made = await asyncio.get_running_loop().run_in_executor(None, self._make)
            if made is None:
                await asyncio.sleep(_AGAIN_AFTER_SECONDS)
            else:
                self._begin(made)
        finally:
            self._opening = None

    def _begin(self, made: PostgresPipeline) -> None:
        made.begin()
        former, self._pipeline = self._pipeline, made
        if former is not None:
            former.retire()
        if self._renewing is not None:
            self._renewing.cancel()
        self._renewing = asyncio.get_running_loop().call_later(RENEWED_AFTER_SECONDS, self._renew)

    def _make(self) -> PostgresPipeline | None:
        """Return a new pipeline; None if there is no connection now, or a pooler stands between."""
        try:
            made = PostgresPipeline.connect(self._engine)
        except (DBAPIError, NoneFree):
            return None
        self._is_possible = made is not None
        if made is not None:
            with self._lock:
                is_closed, self._made = self._is_closed, [*(one for one in self._made if one.is_open), made]
            if is_closed:
                made.close_from_anywhere()
        return made


def pipelined_connection(engine: Engine) -> Connection | None:
    """Return what a snapshot reads from if it is one of a reading that a loop does; None if it is not.

    It is good for one statement of `prepared.py`, and raises NotInPipeline for anything else.
    """
    here = _HERE.get()
    return None if here is None or here.engine is not engine else cast("Connection", _OneStatement(here))


class _OneStatement:
    """A stand-in for a connection, as far as prepared statements know one."""

    def __init__(self, here: _Here) -> None:
        self.dialect = here.engine.dialect
        self.info = {KEPT_AS: _Asked(here)}

    def __getattr__(self, name: str) -> Any:
        raise NotInPipeline


class _Asked:
    """A stand-in for the session of a snapshot."""

    def __init__(self, here: _Here) -> None:
        self._here = here
        self._has_asked = False

    def execute(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Leave the reading until there are the rows of the first statement; raises NotInPipeline for another one."""
        pipeline = self._here.pipeline
        if self._has_asked or not pipeline.is_usable:
            raise NotInPipeline
        self._has_asked = True
        return self._here.greenlets.wait(pipeline.ask(statement, parameters))
