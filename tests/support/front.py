"""Another host's name in front of a server: HTTPS with a certificate of a private CA, reached through a proxy.

For clients that compose the address themselves and know no other: HTTP_PROXY and a CA file are all that they are given.
Nothing leaves this machine; whoever is asked for any other host is refused, and remembered.
"""

from __future__ import annotations

import asyncio
import queue
import ssl
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import trustme

_BLOCK = 1 << 16


@dataclass(frozen=True)
class Front:
    """The address of the host."""

    proxy: str
    ca_file: Path
    refused: list[str] = field(default_factory=list)  # other hosts that somebody asked for

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that Python, Node and curl read."""
        ca = str(self.ca_file)
        return {
            "HTTP_PROXY": self.proxy,  # Twilio's Node library and command line go by this one, for HTTPS too
            "HTTPS_PROXY": self.proxy,
            "NODE_EXTRA_CA_CERTS": ca,
            "REQUESTS_CA_BUNDLE": ca,
            "CURL_CA_BUNDLE": ca,
        }


@contextmanager
def in_front_of(upstream: str, *, host: str, folder: Path) -> Iterator[Front]:
    """Answer for `https://<host>` with what the server at `upstream` says."""
    authority = trustme.CA()
    ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    relay = _Relay(upstream, host=host, context=context)
    thread = threading.Thread(target=relay.run, name="front")
    thread.start()
    try:
        yield Front(f"http://127.0.0.1:{relay.port.get(timeout=10)}", ca_file, relay.refused)
    finally:
        relay.stop()
        thread.join()


class _Relay:
    """Two doors in one loop: the inner speaks TLS and passes on what it hears; the outer, a proxy, leads to it."""

    def __init__(self, upstream: str, *, host: str, context: ssl.SSLContext) -> None:
        parts = urlsplit(upstream)
        self._upstream = (str(parts.hostname), parts.port or 80)
        self._target = f"{host}:443"
        self._context = context
        self._stop: Callable[[], object] = lambda: None
        self.port: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.refused: list[str] = []

    def run(self) -> None:
        """Serve until `stop` is called."""
        asyncio.run(self._serve())

    def stop(self) -> None:
        """Close both doors; who is still talking is cut off."""
        self._stop()

    async def _serve(self) -> None:
        stopped = asyncio.Event()
        self._stop = partial(asyncio.get_running_loop().call_soon_threadsafe, stopped.set)
        inner = await asyncio.start_server(partial(_pass_on, where=self._upstream), "127.0.0.1", 0, ssl=self._context)
        outer = await asyncio.start_server(partial(self._admit, inner=_address(inner)), "127.0.0.1", 0)
        self.port.put(_address(outer)[1])
        await stopped.wait()
        outer.close()
        inner.close()

    async def _admit(self, reader: StreamReader, writer: StreamWriter, *, inner: tuple[str, int]) -> None:
        method, target, _ = (await reader.readuntil(b"\r\n\r\n")).decode().split(maxsplit=2)
        if (method, target) == ("CONNECT", self._target):
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await _pass_on(reader, writer, where=inner)
            return
        self.refused.append(target)
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()


def _address(server: asyncio.Server) -> tuple[str, int]:
    host, port = server.sockets[0].getsockname()
    return host, port


async def _pass_on(reader: StreamReader, writer: StreamWriter, *, where: tuple[str, int]) -> None:
    there_reader, there_writer = await asyncio.open_connection(*where)
    await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))


async def _pump(reader: StreamReader, writer: StreamWriter) -> None:
    """Until one side has no more to say; then the other is hung up on, as every HTTP client and server expects."""
    try:
        while block := await reader.read(_BLOCK):
            writer.write(block)
            await writer.drain()
    except OSError:
        pass  # the other side is gone, which its own pump has noticed
    finally:
        writer.close()
