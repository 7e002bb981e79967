"""Readings that an event loop does itself on PostgreSQL: a snapshot of them is a few statements, sent in a pipeline.

The code of a reading is the same as in a thread. It runs in a greenlet, which is left where it waits for rows, so that
the loop does something else meanwhile.
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
from dayfile.store.postgres_pipeline import Asked, NotInPipeline, PostgresPipeline, Rows
from dayfile.store.postgres_session import KEPT_AS

LEAST_CONNECTIONS: Final = 3
"""Connections of a process below which none is kept for a pipeline."""

MOST_STATEMENTS: Final = 4
"""Limit of statements of one snapshot: with each, all before it are asked for again."""

_AGAIN_AFTER_SECONDS: Final = 1.0
"""Time between two tries to get a connection for it."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Here:
    """Things that a reading has: what it reads from, and what it waits by."""

    engine: Engine
    pipeline: PostgresPipeline
    greenlets: Greenlets


_HERE: contextvars.ContextVar[_Here | None] = contextvars.ContextVar("reading", default=None)


class PipelinedReadings:
    """The readings of one event loop, and the connection that they share."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._loop: asyncio.AbstractEventLoop | None = None
        self._here: _Here | None = None
        self._opening: asyncio.Task[None] | None = None
        self._renewing: asyncio.TimerHandle | None = None
        self._is_possible = True  # there is no pooler
        self._lock = threading.Lock()  # guards the fields below
        self._made: list[PostgresPipeline] = []
        self._is_closed = False

    async def run(self, read: Callable[[], T]) -> T:
        """Return what a reading returns, and raise what it raises; NotInPipeline if it is for a thread."""
        here, context = self._usable(), contextvars.copy_context()
        context.run(_HERE.set, here)
        return await here.greenlets.run(read, context=context)

    def close(self) -> None:
        """Close the connection, in any thread. Closing twice is fine."""
        with self._lock:
            self._is_closed, made, self._made = True, self._made, []
        for pipeline in made:
            pipeline.close_from_anywhere()

    def _usable(self) -> _Here:
        if self._loop is not (loop := asyncio.get_running_loop()):
            self._loop, self._here, self._opening, self._renewing = loop, None, None, None
        here = self._here
        if here is None or not here.pipeline.is_usable:
            self._renew()
            raise NotInPipeline
        if here.pipeline.is_busy or is_time_due(self._engine):  # a transaction asks for that, which a thread begins
            raise NotInPipeline
        return here

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
        former = self._here
        greenlets = Greenlets() if former is None else former.greenlets
        self._here = _Here(engine=self._engine, pipeline=made, greenlets=greenlets)
        if former is not None:
            former.pipeline.retire()
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

    It is good for a few statements of `prepared.py`, and raises NotInPipeline for anything else.
    """
    here = _HERE.get()
    return None if here is None or here.engine is not engine else cast("Connection", _PreparedOnly(here))


class _PreparedOnly:
    """A stand-in for a connection, as far as prepared statements know one."""

    def __init__(self, here: _Here) -> None:
        self.dialect = here.engine.dialect
        self.info = {KEPT_AS: _Session(here)}

    def __getattr__(self, name: str) -> Any:
        raise NotInPipeline


class _Session:
    """A stand-in for the session of a snapshot."""

    def __init__(self, here: _Here) -> None:
        self._here = here
        self._asked: list[Asked] = []
        self._found: list[Rows] = []

    def execute(self, statement: str, parameters: Sequence[Any]) -> Rows:
        """Leave the reading until there are the rows of a statement, of the moment that all before it have seen.

        Those are asked for again together with it: if their rows are the same, nothing has happened in between that the
        reading could know of. Raises NotInPipeline otherwise.
        """
        here = self._here
        if len(self._asked) == MOST_STATEMENTS or not here.pipeline.is_usable:
            raise NotInPipeline
        self._asked.append((statement, parameters))
        answers = here.pipeline.ask(self._asked)
        found = here.greenlets.wait(answers[-1])  # behind all others
        if found is None or any(rows != answer.result() for rows, answer in zip(self._found, answers, strict=False)):
            raise NotInPipeline
        self._found.append(found)
        return found
