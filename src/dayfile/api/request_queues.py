"""Queues of requests by what they need: few threads work on each of them, several requests at a time.

With a thread for each request, a dozen of them would take turns at one interpreter for every row that SQLite finds, and
most of their time would go into waking one another. A queue of its own keeps what a slow disk holds up apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Final, cast

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from dayfile.api.context import Context, context_of
from dayfile.api.micro_batches import MicroBatches

MOST_AT_ONCE: Final = 8
"""Limit of requests in a micro-batch of a queue: the first of them waits until the last is done."""

THREADS: Final = 2
"""Threads for requests that only compute, since the database is on this machine."""

THREADS_THAT_WAIT: Final = 16
"""Threads for requests that mostly wait for a database elsewhere."""

THREADS_OF_FILES: Final = 4
"""Threads for requests that read files."""

Asked = tuple[Callable[..., Response], Request]
"""A function of a request and the variables of its path, and the request."""


class RequestQueue(Enum):
    """A queue."""

    READINGS = "reading"  # they need a few rows of the database, of one moment, and nothing else
    FILES = "file"  # they need files, too


RequestQueues = Mapping[RequestQueue, MicroBatches[Asked, Response]]


def make_queues(context: Context) -> RequestQueues:
    """Return the queues of one app."""
    threads = THREADS_THAT_WAIT if context.database.file is None else THREADS
    return {
        RequestQueue.READINGS: MicroBatches(_answers_of_one_moment, name="reading", most=MOST_AT_ONCE, threads=threads),
        RequestQueue.FILES: MicroBatches(_answers, name="file", most=MOST_AT_ONCE, threads=THREADS_OF_FILES),
    }


def queues_of(request: HTTPConnection) -> RequestQueues:
    """Return the queues of the app that a request belongs to."""
    return cast("RequestQueues", request.app.state.queues)


def _answers_of_one_moment(asked: Sequence[Asked]) -> list[Response | Exception]:
    """Answer requests from one snapshot, which begins after the last of them came."""
    with context_of(asked[0][1]).database.shared_snapshot():
        return _answers(asked)


def _answers(asked: Sequence[Asked]) -> list[Response | Exception]:
    return [_answer(endpoint, request) for endpoint, request in asked]


def _answer(endpoint: Callable[..., Any], request: Request) -> Response | Exception:
    try:
        answer: Response = endpoint(request, *request.scope["path_params"].values())
    except Exception as error:  # noqa: BLE001 - it is raised in the request that it belongs to
        return error
    return answer
