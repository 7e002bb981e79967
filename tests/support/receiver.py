"""A web server on loopback that takes webhooks down as they came, and answers well or badly, as it is told."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import parse_qsl


@dataclass(frozen=True, slots=True)
class Received:
    """One request, as it was on the wire."""

    method: str
    target: str
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def query(self) -> str:
        """Return the text after the question mark."""
        return self.target.partition("?")[2]

    @property
    def form(self) -> dict[str, str]:
        """The fields of the body."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True, strict_parsing=True))


Behaviour = Callable[["Connection"], None]
"""The behaviour of a receiver once it has read a request; when it returns, the next request may come."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection, for a behaviour to write to."""

    socket: socket.socket
    stopping: threading.Event

    def send(self, text: str | bytes) -> None:
        """Send all of it."""
        self.socket.sendall(text.encode() if isinstance(text, str) else text)

    def drip(self, text: str) -> None:
        """Send it slowly, a byte at a time, and then nothing more."""
        for at in range(len(text)):
            self.send(text[at])
            self.stopping.wait(0.02)
        self.stopping.wait()


class Receiver:
    """Answers each request by the next of its behaviours, and by the last one for ever."""

    def __init__(self, *behaviours: Behaviour, tls: ssl.SSLContext | None = None) -> None:
        self.behaviours = list(behaviours)
        self.received: list[Received] = []
        self.connections = 0
        self._tls = tls
        self._stopping = threading.Event()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Begin to listen."""
        self._begin(self._accept)

    def stop(self) -> None:
        """Hang up on everybody and wait until nothing of it runs."""
        self._stopping.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for connection in (*self._open, self._listening):
            connection.close()

    def _begin(self, run: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=run, args=arguments, name="receiver")
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while not self._stopping.is_set():
                connection, _ = self._listening.accept()
                self.connections += 1
                self._open.append(connection)
                self._begin(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):  # the other side hung up, or we did
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            with connection, connection.makefile("rb") as file:
                while request := _read_request(file):
                    self.received.append(request)
                    behave = self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]
                    behave(Connection(connection, self._stopping))


def _read_request(file: BinaryIO) -> Received | None:
    line = file.readline().decode("latin-1")
    if not line.endswith(" HTTP/1.1\r\n"):  # nothing more, or something else, TLS for example
        return None
    method, target, _ = line.split(" ")
    headers = {}
    while (header := file.readline().decode().rstrip("\r\n")) != "":
        name, _, value = header.partition(": ")
        headers[name.lower()] = value
    return Received(method, target, headers, file.read(int(headers.get("content-length", "0"))))


def answers(status: int, body: str = "", **headers: str) -> Behaviour:
    """Answer completely, and keep the connection."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *lines])
    return lambda connection: connection.send(f"{head}\r\n\r\n{body}")


@contextmanager
def receiving(*behaviours: Behaviour, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver for as long as the block runs; without a behaviour it is content with everything."""
    receiver = Receiver(*behaviours or [answers(204)], tls=tls)
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()
