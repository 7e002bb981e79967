"""Clients that want a server to serve nobody else: silent, slow, endless, and back as soon as they are thrown out.

All of them run in one process, come from 127.0.0.2 to 127.0.0.9, and do the same whatever server they are pointed at.
None waits for an answer. Whoever gets one, or is thrown out, begins again after a pause; those with trailers go on.
"""

from __future__ import annotations

import asyncio
import itertools
import resource
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

SOURCES: Final = tuple(f"127.0.0.{last}" for last in range(2, 10))
PAUSE_SECONDS: Final = 0.25  # before one of them begins again
SPARE_FILES: Final = 200

_CHUNK: Final = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
_TRAILERS: Final = b"".join(b"x-trailer-%d: %s\r\n" % (number, b"x" * 64) for number in range(200))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """The target of the attackers, and their time."""

    url: str
    authorization: str  # of a customer, who may not write
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Attackers that do the same: they send `head` at once, then `pieces` at a steady rate, and read nothing."""

    name: str
    connections: int
    head: bytes = b""
    pieces: Sequence[bytes] = ()
    pieces_again: bytes = b""  # sent without end after them
    bytes_a_second: float = 1.0  # of each connection
    connects_a_second: float = 100.0  # of all of them together, at first and again
    goes_on: bool = False  # after an answer, until the connection is closed


@dataclass(slots=True)
class Fate:
    """Fates of the connections of a kind, counted."""

    opened: int = 0
    refused: int = 0  # not even opened
    closed: int = 0  # by the server, or by the attacker once it is answered
    sent_bytes: int = 0
    answers: Counter[str] = field(default_factory=Counter)  # by status


def kinds(authorization: str) -> tuple[Kind, ...]:
    """Return all attackers: 4,000 that say nothing more, 200 slow ones, 32 endless bodies, 8 endless trailers."""
    records = "POST /v1/Records/Messages HTTP/1.1\r\nHost: dayfile\r\n"
    slow_head = b"GET /v1/Exports/Jobs HTTP/1.1\r\nHost: dayfile\r\nX-Slow: "
    return (
        Kind(name="silent", connections=3500, connects_a_second=350),
        Kind(
            name="announced body that never comes",
            connections=500,
            head=f"{records}Content-Length: 65536\r\n\r\n".encode(),
        ),
        Kind(
            name="head, a byte a second",
            connections=100,
            pieces=[bytes([octet]) for octet in slow_head],
            pieces_again=b"x",
        ),
        Kind(
            name="body, a byte a second",
            connections=100,
            head=f"{records}Content-Length: 1000\r\n\r\n".encode(),
            pieces_again=b"x",
        ),
        Kind(
            name="unauthorized chunked body",
            connections=32,
            head=f"{records}Authorization: {authorization}\r\nTransfer-Encoding: chunked\r\n\r\n".encode(),
            pieces_again=_CHUNK,
            bytes_a_second=128 * 1024,
        ),
        Kind(
            name="trailers without end",
            connections=8,
            head=b"POST /healthz HTTP/1.1\r\nHost: dayfile\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            pieces_again=_TRAILERS,
            bytes_a_second=10_000_000 / 8,
            goes_on=True,
        ),
    )


def raise_open_files() -> None:
    """Let this process open as many files as it may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def check_open_files() -> None:
    """Raise SystemExit if a process here may not open as many files as there are attackers."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = sum(kind.connections for kind in kinds("")) + SPARE_FILES
    if most != resource.RLIM_INFINITY and most < needed:
        raise SystemExit(f"this needs {needed:,} open files, and `ulimit -Hn` allows {most:,}: raise it")


def torment(attack: Attack) -> dict[str, Fate]:
    """Attack for so many seconds; returns what became of each kind, by its name."""
    raise_open_files()
    fates: dict[str, Fate] = {}
    asyncio.run(_torment(attack, fates))
    return fates


async def _torment(attack: Attack, fates: dict[str, Fate]) -> None:
    sources = itertools.cycle(SOURCES)
    tasks = []
    for kind in kinds(attack.authorization):
        fate = fates[kind.name] = Fate()
        crowd = _Crowd(attack.url, kind, fate)
        tasks += [asyncio.create_task(crowd.attacker(next(sources))) for _ in range(kind.connections)]
    _, running = await asyncio.wait(tasks, timeout=attack.seconds)
    for task in running:
        task.cancel()
    await asyncio.wait(tasks)


class _Crowd:
    """The attackers of one kind."""

    def __init__(self, url: str, kind: Kind, fate: Fate) -> None:
        address = urlsplit(url)
        self._host = address.hostname
        self._port = address.port
        self._kind = kind
        self._fate = fate
        self._next_connect = time.perf_counter()

    async def attacker(self, source: str) -> None:
        """Connect and torment, again and again, until cancelled."""
        while True:
            await self._turn()
            try:
                reader, writer = await asyncio.open_connection(self._host, self._port, local_addr=(source, 0))
            except OSError:
                self._fate.refused += 1
            else:
                self._fate.opened += 1
                await self._torment(reader, writer)
                self._fate.closed += 1
            await asyncio.sleep(PAUSE_SECONDS)

    async def _turn(self) -> None:
        """Wait until another connection may be opened."""
        now = time.perf_counter()
        self._next_connect = max(self._next_connect, now) + 1 / self._kind.connects_a_second
        await asyncio.sleep(self._next_connect - now)

    async def _torment(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send until the connection is closed or, from those who do not go on then, until an answer comes."""
        sending = asyncio.create_task(_send(self._kind, self._fate, writer))
        try:
            with suppress(OSError):
                if answer := await reader.read(1024):
                    self._fate.answers[answer[9:12].decode("latin-1")] += 1
                while self._kind.goes_on and await reader.read(1024):
                    pass
        finally:
            sending.cancel()
            writer.transport.abort()  # nobody misses what is not sent yet
            await asyncio.wait([sending])


async def _send(kind: Kind, fate: Fate, writer: asyncio.StreamWriter) -> None:
    writer.write(kind.head)
    endless = itertools.repeat(kind.pieces_again) if kind.pieces_again else ()
    due = time.perf_counter()
    with suppress(OSError):
        for piece in itertools.chain(kind.pieces, endless):
            writer.write(piece)
            await writer.drain()
            fate.sent_bytes += len(piece)
            # What a server did not read in time is not made up for: it is never sent more than this at once.
            due = max(due + len(piece) / kind.bytes_a_second, time.perf_counter())
            await asyncio.sleep(due - time.perf_counter())
