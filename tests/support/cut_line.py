"""A line between a database's clients and its server that can be cut, as a network can."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class CutLine:
    """A proxy on loopback in front of a socket. While it is cut, whoever connects is hung up on."""

    def __init__(self, listening: socket.socket, target: Path) -> None:
        self.port: int = listening.getsockname()[1]
        self._listening, self._target = listening, target
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._is_cut = False

    def cut(self) -> None:
        """Break off every connection, and let nobody in."""
        with self._lock:
            self._is_cut = True
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Let everybody in again."""
        with self._lock:
            self._is_cut = False

    def run(self) -> None:
        """Pass connections on until the socket that listens is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._pass_on, args=[client], daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            with self._lock:
                if self._is_cut:
                    return
                self._open |= {client, server}
            with suppress(OSError):
                server.connect(str(self._target))
                _pump(client, server)
            with self._lock:
                self._open -= {client, server}


def _pump(one: socket.socket, other: socket.socket) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in selector.select():
                assert isinstance(key.fileobj, socket.socket)
                data = key.fileobj.recv(1 << 16)
                if not data:
                    return
                key.data.sendall(data)


@contextmanager
def a_line_to(target: Path) -> Iterator[CutLine]:
    """A line to a socket, for as long as the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        line = CutLine(listening, target)
        thread = threading.Thread(target=line.run, daemon=True)
        thread.start()
        yield line
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        thread.join()
        line.cut()
