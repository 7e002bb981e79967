"""A process that only delivers, until its standard input ends: `python -m tests.support.dispatching NAME URL PORT`."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import structlog

from dayfile.clock import SystemClock
from dayfile.delivery.bulkhead import THREADS
from dayfile.delivery.dispatcher import Dispatcher
from dayfile.model.notice import Channel
from dayfile.store.database import Database
from dayfile.work.loop import Loop
from tests.conftest import ROOT
from tests.support.callee import PlainTransport
from tests.support.randomness import SeededRandomness
from tests.support.state import KEY


@contextmanager
def dispatching(name: str, database: Database, port: int) -> Iterator[None]:
    """A process that delivers what is in the database while the block runs."""
    url = database.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.support.dispatching", name, url, str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        try:
            yield
        finally:
            process.stdin.close()
            code = process.wait()
    assert code == 0


def dispatch_until(stop: threading.Event, *, name: str, database: Database, port: int) -> None:
    """Deliver, in a loop of its own, until the event is set."""

    def wake() -> None:
        loop.wake()

    with ThreadPoolExecutor(THREADS) as pool:
        dispatch = Dispatcher(
            database,
            worker=name,
            clock=SystemClock(),
            randomness=SeededRandomness(name),
            key=KEY,
            transports=dict.fromkeys(Channel, PlainTransport(port)),
            executor=pool,
            wake=wake,
        )
        loop = Loop("notices", {"notices": dispatch.step}, clock=SystemClock())
        loop.start()
        stop.wait()
        dispatch.stop()
        loop.stop()
        loop.join()
        dispatch.join()


def main(name: str, url: str, port: str) -> None:
    """Deliver until standard input ends."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    stop, database = threading.Event(), Database.connect(url)

    def watch() -> None:
        sys.stdin.read()
        stop.set()

    threading.Thread(target=watch, daemon=True).start()
    dispatch_until(stop, name=name, database=database, port=int(port))
    database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
