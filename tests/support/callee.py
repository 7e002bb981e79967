"""Somebody who is called: a real HTTP server that counts events, and the plainest transport that calls it."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from dayfile.delivery.transport import Credentials
from dayfile.model.notice import ATTEMPT_SECONDS, Notice, Outcome, Result


class Callee:
    """Counts what it is told by event sid, and notices when one event is told twice at the same time."""

    def __init__(self) -> None:
        self.told: Counter[str] = Counter()
        self.overlaps: list[str] = []  # events that were told while they were being told
        self._now: set[str] = set()
        self._changed = threading.Condition()
        callee = self

        class Answer(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                event = self.rfile.read(int(self.headers["content-length"])).decode()
                callee.begin(event)
                callee.end(event)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                """Say nothing."""

        self._server = _Server(("127.0.0.1", 0), Answer)
        self.port: int = self._server.server_address[1]

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}/"

    def begin(self, event: str) -> None:
        """An event is being told."""
        with self._changed:
            if event in self._now:
                self.overlaps.append(event)
            self._now.add(event)
            self.told[event] += 1

    def end(self, event: str) -> None:
        """It was told."""
        with self._changed:
            self._now.discard(event)
            self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        """Wait until so many different events were told."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.told) >= count)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Answer while the block runs."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, name="callee")
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128


class PlainTransport:
    """Posts the event sid to one address, whatever the receiver of the notice; `step` is called before and after."""

    def __init__(self, port: int, *, step: Callable[[], None] = lambda: None) -> None:
        self.port = port
        self.step = step

    def deliver(self, notice: Notice, *, attempt: int, credentials: Credentials, now: datetime) -> Outcome:
        """Call, and tell the status."""
        self.step()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ATTEMPT_SECONDS)
        connection.request("POST", "/", body=notice.sid)
        status = connection.getresponse().status
        connection.close()
        self.step()
        result = Result.DELIVERED if status == 200 else Result.FAILED
        return Outcome(result=result, status=status, error=None, answer=b"", retry_after=None)
