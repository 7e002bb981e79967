"""A process that seals days without a pause, as the worker of `serve --processes` does, while others measure.

Apart, because a process that is spawned imports the module of what it runs.
"""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Final

from days import MadeUpDay, new_segment, write_segments

from dayfile.cli.processes import give_way
from dayfile.model.day import Day
from dayfile.model.resource import MESSAGES
from dayfile.service import Service
from dayfile.settings import Settings

LOOK_SECONDS: Final = 0.2
FIRST: Final = Day.parse("2015-01-01")  # before every day that is asked for
SIZE: Final = MadeUpDay(records=300_000, versions=1, accounts=500, is_uneven=True)


@contextlib.contextmanager
def sealing(settings: Settings) -> Iterator[None]:
    """Seal one day after the other in a process of its own; enter when the first of them has begun."""
    spawn = multiprocessing.get_context("spawn")
    begun, stop = spawn.Event(), spawn.Event()
    process = spawn.Process(target=_seal_days, args=(settings, begun, stop))
    process.start()
    try:
        while not begun.wait(LOOK_SECONDS):
            if not process.is_alive():
                raise RuntimeError("the process that seals days has ended")
        yield
    finally:
        stop.set()
        process.join()


def _seal_days(settings: Settings, begun: Event, stop: Event) -> None:
    give_way()
    folder = settings.scratch.parent / "made-up-segments"
    folder.mkdir()
    paths = write_segments(SIZE, folder)
    with Service.open(settings) as service:
        day = FIRST
        while not stop.is_set():
            _seal(service, day, paths)
            begun.set()
            day += 1


def _seal(service: Service, day: Day, paths: list[Path]) -> None:
    place = service.settings.data_dir.absolute() / "objects" / "segments" / f"type={MESSAGES}"
    place.mkdir(parents=True, exist_ok=True)
    (place / f"day={day}").symlink_to(paths[0].parent)
    # Made before: it reads the files, and nobody else could write meanwhile.
    segments = [new_segment(path, day) for path in paths]
    with service.database.transaction() as tx:
        tx.segments.add(segments, now=service.clock.now())
    claim = service.worker_parts.sealing.claim(MESSAGES, day, worker="bench")
    if claim is None:
        raise RuntimeError(f"somebody else seals {day}")
    service.worker_parts.sealing.seal(claim)
