"""Engines: where heavy work is done, chosen by a URL in this one place.

Apart from what the work is: a function of a value and the workplace of whoever executes it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

from dayfile.clock import Clock
from dayfile.errors import Unusable
from dayfile.files.workplace import Engine, Workplace
from dayfile.spans import Spans
from dayfile.work.engine_url import EngineUrl

if TYPE_CHECKING:
    from dayfile.work.cluster import Cluster, ClusterEngine, Execute

T = TypeVar("T")

CUT_BYTES: Final = 1_000_000_000
"""The text of a piece for another machine: a minute's work or so, and all that is lost with the machine."""


class LocalEngine:
    """Threads of this process, since the native code in the work releases the GIL.

    A piece uses all cores, and two at once would double the memory: so there is one thread, unless a pool is given.
    """

    def __init__(self, here: Workplace, pool: Executor | None = None) -> None:
        self._here = here
        self._pool = pool or ThreadPoolExecutor(max_workers=1, thread_name_prefix="piece")
        self._is_own = pool is None

    def submit(self, work: Callable[..., T], value: object, /) -> Future[T]:
        return self._pool.submit(work, value, at=self._here)

    def close(self) -> None:
        """End the thread when its work is done."""
        if self._is_own:
            self._pool.shutdown()


class TracedEngine:
    """An engine with a span for each piece of work: from its submission, so that waiting for a machine shows."""

    def __init__(self, engine: Engine, spans: Spans) -> None:
        self._engine, self._spans = engine, spans

    def submit(self, work: Callable[..., T], value: object, /) -> Future[T]:
        future = self._engine.submit(work, value)
        self._spans.follow(future, getattr(work, "__name__", "work").replace("_", " "))
        return future


def open_cluster(
    url: EngineUrl, replacement: Cluster | None, *, execute: Execute, clock: Clock
) -> ClusterEngine | None:
    """Return an engine on the machines of a cluster, which is asked nothing yet; None if the URL names none.

    `execute` is the function that a worker runs, of a version, a schema and a task. Raises Unusable, with what to do.
    """
    if url.address is None and replacement is None:
        return None
    from dayfile.work.cluster import ClusterEngine

    return ClusterEngine(replacement or _dask(url), execute=execute, clock=clock)


def _dask(url: EngineUrl) -> Cluster:
    try:
        from dayfile.work.dask_cluster import DaskCluster
    except ImportError as error:
        raise Unusable(
            f"DAYFILE_ENGINE is {url.text}, and this installation lacks what a Dask cluster needs: "
            "run `pip install 'dayfile[dask]'`"
        ) from error
    return DaskCluster(url)


def cores() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
