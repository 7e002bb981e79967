"""Readings: requests that need a few rows of the database, of one moment, and nothing else.

Where the database is a file, the event loop answers them itself: to hand one to a thread and to wait for Python's lock
takes as long as the rows do. Where it is PostgreSQL, the loop asks for rows and does something else meanwhile, for a
reading of few statements. While the disk is slow, and for all other readings, there are few threads: with one for each
reading, a dozen of them would take turns at one interpreter for every row, and most of their time would go into waking
one another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeVar, cast

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from dayfile.api.context import Context, context_of
from dayfile.api.in_loop import InLoop
from dayfile.api.micro_batches import MicroBatches
from dayfile.api.request_id import REQUEST_ID
from dayfile.store.database import Database

MOST_READINGS: Final = 8
"""Limit of readings in a micro-batch: the first of them waits until the last is done."""

THREADS: Final = 2
"""Threads for readings that only compute, since the database is on this machine. Those that wait for one elsewhere have
half of the connections to it: what is written needs some, too.
"""

T = TypeVar("T")

Reading = tuple[Callable[..., Response], Request]
"""A function of a request and the variables of its path, and the request."""

Readings = MicroBatches[Reading, Response]


def make_readings(context: Context) -> Readings:
    """Return the queue of readings of one app."""
    answer_all = partial(_answers, context.database)
    if context.database.file is None:
        threads = max(THREADS, context.database.connections // 2)
        return MicroBatches(answer_all, name="reading", most=MOST_READINGS, threads=threads)
    in_loop = InLoop(answer_all, clock=context.clock)
    return MicroBatches(answer_all, name="reading", most=MOST_READINGS, threads=THREADS, try_in_loop=in_loop.try_work)


def readings_of(request: HTTPConnection) -> Readings:
    """Return the queue of the app that a request belongs to."""
    return cast("Readings", request.app.state.readings)


async def answer_reading(answer: Callable[..., Response], request: Request) -> Response:
    """Return the answer to a reading; raises its error."""
    database = context_of(request).database
    if database.is_asked_by_loops:
        response = await database.read_in_loop(partial(_answer, answer, request))
        if response is not None:
            return response
    return await readings_of(request).ask((answer, request))


def outcome(request: Request, work: Callable[[], T]) -> T | Exception:
    """Return the result of work for one of several requests, or its error, to be raised in that request.

    What the work logs has the id of that request, whose context the thread does not have.
    """
    before = REQUEST_ID.set(request.scope["state"]["request_id"])
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - it concerns that request only
        return error
    finally:
        REQUEST_ID.reset(before)


def _answers(database: Database, readings: Sequence[Reading]) -> list[Response | Exception]:
    """Answer requests from one snapshot, which begins after the last of them came."""
    with database.shared_snapshot():
        return [outcome(request, partial(_answer, answer, request)) for answer, request in readings]


def _answer(answer: Callable[..., Response], request: Request) -> Response:
    return answer(request, *request.scope["path_params"].values())
