"""Good clients of a server that others attack: operators that send batches, customers that download a day's file."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

PATIENCE_SECONDS: Final = 10.0  # for each answer
PAUSE_SECONDS: Final = 0.1  # after a failure

Connection = http.client.HTTPConnection
Ask = Callable[[Connection], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Somebody who sends batches, gzip, round and round."""

    authorization: str
    bodies: Sequence[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Somebody who asks for a day and downloads its file, again and again."""

    authorization: str
    day: str  # its path


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A batch that was accepted, a file that came, or a failure of either."""

    at: float
    what: str
    size_bytes: int = 0
    failure: str = ""  # a status or the name of an error; none if it went well


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """The service that the good clients got in a stretch of time."""

    batches: float  # a second
    downloads_mb: float  # a second
    failures: Counter[str]


class Unexpected(Exception):
    """An answer with another status than the right one."""


@contextmanager
def busy(url: str, operators: Sequence[Operator], customers: Sequence[Customer]) -> Iterator[list[Event]]:
    """All of them at work, each on a connection of its own that is kept; gives what they note, as it comes."""
    events: list[Event] = []
    stop = threading.Event()
    works = [("batch", _sending(operator)) for operator in operators]
    works += [("download", _downloading(customer)) for customer in customers]
    threads = [
        threading.Thread(target=_repeat, args=(url, ask), kwargs={"what": what, "events": events, "stop": stop})
        for what, ask in works
    ]
    for thread in threads:
        thread.start()
    try:
        yield events
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def rates(events: Sequence[Event], *, start: float, stop: float) -> Rates:
    """Return what was done between two moments, by the second."""
    meant = [event for event in events if start <= event.at < stop]
    good = [event for event in meant if not event.failure]
    return Rates(
        batches=sum(event.what == "batch" for event in good) / (stop - start),
        downloads_mb=sum(event.size_bytes for event in good if event.what == "download") / (stop - start) / 1e6,
        failures=Counter(f"{event.what} {event.failure}" for event in meant if event.failure),
    )


def _repeat(url: str, ask: Ask, *, what: str, events: list[Event], stop: threading.Event) -> None:
    connection = Connection(urlsplit(url).netloc, timeout=PATIENCE_SECONDS)
    while not stop.is_set():
        try:
            size_bytes = ask(connection)
        except (Unexpected, OSError, http.client.HTTPException) as error:
            failure = str(error) if isinstance(error, Unexpected) else type(error).__name__
            events.append(Event(at=time.perf_counter(), what=what, failure=failure))
            connection.close()  # the next request opens it again
            stop.wait(PAUSE_SECONDS)
        else:
            events.append(Event(at=time.perf_counter(), what=what, size_bytes=size_bytes))
    connection.close()


def _sending(operator: Operator) -> Ask:
    bodies = _round_and_round(operator.bodies)
    headers = {"Authorization": operator.authorization, "Content-Encoding": "gzip"}

    def send(connection: Connection) -> int:
        body = next(bodies)
        connection.request("POST", "/v1/Records/Messages", body=body, headers=headers)
        _answer(connection, 200)
        return len(body)

    return send


def _round_and_round(bodies: Sequence[bytes]) -> Iterator[bytes]:
    while True:
        yield from bodies


def _downloading(customer: Customer) -> Ask:
    def download(connection: Connection) -> int:
        connection.request("GET", customer.day, headers={"Authorization": customer.authorization})
        link = urlsplit(_answer(connection, 307)[0])
        connection.request("GET", f"{link.path}?{link.query}")
        return len(_answer(connection, 200)[1])

    return download


def _answer(connection: Connection, expected: int) -> tuple[str, bytes]:
    """Return the Location and the body; raises Unexpected if the status is another."""
    response = connection.getresponse()
    body = response.read()
    if response.status != expected:
        raise Unexpected(str(response.status))
    return response.getheader("Location", ""), body
