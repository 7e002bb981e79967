"""A small app behind a real server, whose requests take as long as a test wants."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from dayfile.web.limits import Limits
from dayfile.web.protocol import read_on
from tests.support.raw import Raw
from tests.support.server import serving

LONG = 1000.0
PATIENT = Limits(head_for=LONG, body_for=LONG, idle_for=LONG, stalled_for=LONG, reserve_head_for=LONG, tick=0.02)
GET = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n"


class App:
    """Answers at once, when told to, without end, or when it has read the body."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.gone = threading.Event()  # the client of an answer without end
        self.working = threading.Semaphore(0)  # counts the requests that wait to be told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/wait":
            self.working.release()
            await asyncio.get_running_loop().run_in_executor(None, self.go_on.wait)
        if scope["path"] == "/endless":
            gone = asyncio.create_task(_gone(receive))
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while not gone.done():
                await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})
                await asyncio.sleep(0)  # a turn for everybody else
            self.gone.set()
            return
        if scope["path"].startswith("/read"):
            if scope["path"] == "/read/on":
                read_on(scope)
            size, more = 0, True
            while more:
                message = await receive()
                size += len(message.get("body", b""))
                more = message.get("more_body", False)
            scope["headers"].append((b"read", b"%d" % size))
        names = b" ".join(name for name, _ in scope["headers"])
        await PlainTextResponse(names)(scope, receive, send)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@contextmanager
def server(limits: Limits, app: App | None = None) -> Iterator[str]:
    """Serve an app within limits; its address."""
    app = app or App()
    with serving(lambda _: app, limits=limits) as url:
        try:
            yield url
        finally:
            app.go_on.set()


def get(connection: Raw, path: bytes = b"/") -> int:
    """Ask for a path; the status of the answer."""
    connection.send(GET % path)
    return connection.status()
