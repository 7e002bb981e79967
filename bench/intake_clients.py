"""HTTP clients that cost as little as possible, so that the server is what is measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from servers import cpu_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Orders for one process of clients."""

    url: str
    headers: dict[str, str]
    bodies: Sequence[bytes]  # sent round and round, by each connection from another place on
    connections: int
    seconds: float
    server: int  # its process


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Results of one process of clients."""

    times: list[tuple[float, float]]  # when each request began and how long it took
    server_cores: float  # that the server kept busy meanwhile


def send(load: Load) -> Sent:
    """Send for so many seconds, on each connection one after the other."""
    times: list[tuple[float, float]] = []
    began, began_cpu = time.perf_counter(), cpu_seconds(load.server)
    asyncio.run(_send(load, times))
    cores = (cpu_seconds(load.server) - began_cpu) / (time.perf_counter() - began)
    return Sent(times=times, server_cores=cores)


async def _send(load: Load, times: list[tuple[float, float]]) -> None:
    stop_at = time.perf_counter() + load.seconds
    async with asyncio.TaskGroup() as group:
        for number in range(load.connections):
            group.create_task(_connection(load, number, stop_at, times))


async def _connection(load: Load, number: int, stop_at: float, times: list[tuple[float, float]]) -> None:
    address = urlsplit(load.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    head = f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in load.headers.items())
    turn = number * len(load.bodies) // load.connections
    while (began := time.perf_counter()) < stop_at:
        body = load.bodies[turn % len(load.bodies)]
        turn += 1
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await _read_answer(reader)
        times.append((began, time.perf_counter() - began))
    writer.close()
    await writer.wait_closed()


async def _read_answer(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    status = int(head.split(" ", 2)[1])
    length = int(head.partition("content-length:")[2].partition("\r\n")[0])
    body = await reader.readexactly(length)
    if status != 200:
        raise RuntimeError(f"{status}: {body.decode()}")
