"""The socket of the server, and the main loop of one process: answer HTTP, work, or both, until told to stop.

Running requests are finished. The HTTP server has a thread of its own, so that the main thread is free to wait for the
stop.
"""

from __future__ import annotations

import errno
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import uvicorn
from starlette.routing import Route
from starlette.types import ASGIApp

from dayfile.cli.logs import request_log, write_waiting
from dayfile.cli.open_files import open_files
from dayfile.cli.signals import Stop
from dayfile.console.customer import customer_pages
from dayfile.console.operator import operator_pages
from dayfile.console.page import console_page
from dayfile.errors import Unusable
from dayfile.service import Service
from dayfile.web.client_address import TrustedProxies
from dayfile.web.limits import Limits
from dayfile.web.protocol import bounded_http

_SWITCH_SECONDS = (
    0.0005  # how long a thread that has a response to continue waits for the GIL: a tenth of Python's default
)
_FINISH_SECONDS = 30  # for running responses; a download that is cut off is resumed by its client

_REASONS: Final[dict[int, str]] = {
    errno.EADDRINUSE: "another process listens there. Stop it, or choose another port with {port} (0 picks a free one)",
    errno.EACCES: "this user may not listen there: ports below 1024 need privileges. Choose one above",
    errno.EADDRNOTAVAIL: "this machine has no such address. Choose one of its own with {host} (0.0.0.0 stands for all)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The settings with which an operator chooses where to listen, for messages."""

    host: str = "DAYFILE_HOST"
    host_or_option: str = "--host or DAYFILE_HOST"
    port: str = "--port or DAYFILE_PORT"


def listen(host: str, port: int, *, backlog: int = 1024, chosen: Chosen = Chosen()) -> socket.socket:
    """Return a listening socket; up to `backlog` connections wait to be accepted.

    Raises Unusable, which says what to do with the settings that chose the address.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except socket.gaierror as error:
        raise Unusable(f"cannot listen on {host!r}: it is not an address of this machine ({chosen.host})") from error
    try:
        return socket.create_server(address[:2], family=family, backlog=backlog)
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
        reason = reason.replace("{port}", chosen.port).replace("{host}", chosen.host_or_option)
        raise Unusable(f"cannot listen on {host}:{port}: {reason}") from error


def answer(
    service: Service, listening: socket.socket, *, stop: Stop, with_worker: bool, on_ready: Callable[[], None]
) -> None:
    """Serve HTTP on a socket that listens already, until told to stop; with a worker, also work."""
    if stop.is_told:
        return
    limits = Limits.within(open_files())
    app = service.api(pages=_pages(service), request_log=request_log())
    server = HttpServer(app, listening, limits=limits, proxies=service.context.trusted_proxies, stop=stop)
    with _woken(service):
        server.start()
        if with_worker:
            _start_working(service)
        on_ready()
        stop.wait()
        server.stop()
        if with_worker:
            _stop_working(service)
        server.join()
        service.insight.counters.write_answers()


def work(service: Service, *, stop: Stop) -> None:
    """Run only the worker, until told to stop."""
    with _woken(service):
        _start_working(service)
        stop.wait()
        _stop_working(service)


@contextmanager
def _woken(service: Service) -> Iterator[None]:
    """Have other processes wake this one while the block runs, where there may be others."""
    if service.wake_ups is None:
        yield
        return
    service.wake_ups.start()
    try:
        yield
    finally:
        service.wake_ups.stop()


def _start_working(service: Service) -> None:
    service.worker.start()
    service.presence.start()


def _stop_working(service: Service) -> None:
    # It is there for as long as it finishes what is begun.
    service.worker.stop()
    service.presence.stop()


def _pages(service: Service) -> list[Route]:
    context = service.context
    return [*console_page(context), *customer_pages(context), *operator_pages(context)]


class HttpServer:
    """An HTTP server in a thread of its own. With `stop`, the process ends with it, as it would be of no use."""

    def __init__(
        self,
        app: ASGIApp,
        listening: socket.socket,
        *,
        limits: Limits,
        proxies: TrustedProxies | None,
        stop: Stop | None,
        finish_seconds: float = _FINISH_SECONDS,
    ) -> None:
        config = uvicorn.Config(
            app,
            http=bounded_http(limits, proxies=proxies),  # type: ignore[arg-type]  # a factory works like a class
            ws="none",
            backlog=limits.backlog,
            log_config=None,  # the app logs one line per request itself
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            timeout_graceful_shutdown=finish_seconds,  # type: ignore[arg-type]  # it is handed to asyncio
        )
        self._server = uvicorn.Server(config)
        self._listening = listening
        self._stop = stop
        self._thread = threading.Thread(target=self._run, name="http")
        self._failure: BaseException | None = None

    def start(self) -> None:
        """Start the server's thread."""
        self._thread.start()

    def stop(self) -> None:
        """Accept no new requests."""
        self._server.should_exit = True

    def join(self) -> None:
        """Wait for the last response; raises the server's error if it ended by itself."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        sys.setswitchinterval(_SWITCH_SECONDS)
        try:
            self._server.run(sockets=[self._listening])
        except BaseException as failure:  # noqa: BLE001 - it is raised again by join
            self._failure = failure
        finally:
            write_waiting()
            if self._stop is not None:
                self._stop.tell()  # also after a failure
