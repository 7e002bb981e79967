"""Clients that read, each on a connection that stays open, and cost as little as possible.

They run in a process of their own, beside the server on the same cores.
"""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import quantiles
from urllib.parse import urlsplit

import uvloop
from servers import cpu_seconds

_WARM_UP: float = 0.2  # share of the time that is not counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Requests of the clients."""

    url: str  # of the server
    requests: Sequence[bytes]  # whole ones, sent round and round, by each connection from another place on
    status: int  # of every answer
    connections: int
    seconds: float
    server: int  # its process


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """Measurements, without the beginning."""

    rate: float  # answers a second
    mb: float  # of bodies, a second
    p50_ms: float
    p99_ms: float
    cpu_ms: float  # of the server and its processes, for each answer


def measured(load: Load) -> Answered:
    """Ask for so many seconds, in a new process; raises RuntimeError for an answer with another status."""
    asking = subprocess.run([sys.executable, __file__], input=pickle.dumps(load), capture_output=True, check=False)
    if asking.returncode:
        raise RuntimeError(asking.stderr.decode())
    found: Answered = pickle.loads(asking.stdout)  # noqa: S301 - from this file
    return found


def get(path: str, headers: str = "") -> bytes:
    """A whole GET request; the headers end with a line break."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode()


def post(path: str, headers: str, form: bytes) -> bytes:
    """A whole POST of a form."""
    kind = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(form)}\r\n"
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}{kind}\r\n".encode() + form


async def _ask(load: Load) -> Answered:
    loop, address = asyncio.get_running_loop(), urlsplit(load.url)
    began, began_cpu = time.perf_counter(), cpu_seconds(load.server)
    clients = [_Client(load, number, stop_at=began + load.seconds) for number in range(load.connections)]
    for client in clients:
        await loop.create_connection(lambda client=client: client, address.hostname, address.port)
    for client in clients:
        await client.done
    cpu = cpu_seconds(load.server) - began_cpu
    start = began + load.seconds * _WARM_UP
    counted = [answer for client in clients for answer in client.answers if answer[0] >= start]
    seconds = load.seconds * (1 - _WARM_UP)
    cuts = quantiles([took for _, took, _ in counted], n=100) if len(counted) > 1 else [0.0] * 99
    return Answered(
        rate=len(counted) / seconds,
        mb=sum(size for _, _, size in counted) / seconds / 1e6,
        p50_ms=cuts[49] * 1000,
        p99_ms=cuts[98] * 1000,
        cpu_ms=cpu * 1000 / max(1, sum(len(client.answers) for client in clients)),
    )


@dataclass(eq=False)
class _Client(asyncio.BufferedProtocol):
    """One connection: a request, its answer, the next one."""

    load: Load
    number: int
    stop_at: float
    answers: list[tuple[float, float, int]] = field(default_factory=list)  # ended, took, bytes of the body

    def __post_init__(self) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turn = self.number * len(self.load.requests) // self.load.connections
        self._buffer = memoryview(bytearray(256 * 1024))
        self._head = b""
        self._left = self._size = -1  # of the body; -1: its head is not complete

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server has closed the connection"))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._left >= 0:
            self._left -= nbytes
        else:
            self._head += self._buffer[:nbytes]
            self._read_head()
        if self._left == 0:
            ended = time.perf_counter()
            self.answers.append((ended, ended - self._began, self._size))
            if ended < self.stop_at:
                self._ask()
            elif not self.done.done():
                self.done.set_result(None)
                self._transport.close()

    def _ask(self) -> None:
        request = self.load.requests[self._turn % len(self.load.requests)]
        self._turn += 1
        self._head, self._left = b"", -1
        self._began = time.perf_counter()
        self._transport.write(request)  # type: ignore[attr-defined]  # a stream's

    def _read_head(self) -> None:
        head, ended, rest = self._head.partition(b"\r\n\r\n")
        if not ended:
            return
        if int(head[9:12]) != self.load.status:
            self.done.set_exception(RuntimeError(f"{head.decode()} {rest.decode(errors='replace')}"))
            self._transport.close()
            return
        at = head.lower().find(b"content-length:")
        self._size = 0 if at < 0 else int(head[at + 15 :].split(b"\r\n", 1)[0])
        self._left = self._size - len(rest)


if __name__ == "__main__":
    sys.modules["answers_clients"] = sys.modules["__main__"]  # as what is read and written names it
    Load.__module__ = Answered.__module__ = "answers_clients"
    asked: Load = pickle.load(sys.stdin.buffer)  # noqa: S301 - from this file
    sys.stdout.buffer.write(pickle.dumps(uvloop.run(_ask(asked))))
