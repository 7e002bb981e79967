"""HTTP connections of webhooks: made only to checked addresses, and bounded by the deadline of the attempt."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpcore2

from dayfile.delivery.ssrf import Address, Destinations
from dayfile.delivery.transport import Deadline, load_authorities

_KEPT_OPEN = 32  # idle connections, kept for the next notice to the same receiver
_KEPT_OPEN_SECONDS = 30.0


def trusted_authorities(ca_file: Path | None) -> ssl.SSLContext:
    """Return a TLS context that trusts the system's authorities and those of `ca_file`; raises Unusable."""
    context = httpcore2.default_ssl_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        load_authorities(context, ca_file)
    return context


class Connections:
    """A pool of connections. It follows no redirects, uses no proxy and reads no credentials from the environment."""

    def __init__(self, destinations: Destinations, *, trusted: ssl.SSLContext) -> None:
        self._attempt = _Attempt()
        self._pool = httpcore2.ConnectionPool(
            ssl_context=trusted,
            max_connections=None,  # as many as there are attempts at once, which the dispatcher bounds
            max_keepalive_connections=_KEPT_OPEN,
            keepalive_expiry=_KEPT_OPEN_SECONDS,
            network_backend=_CheckedNetwork(destinations, self._attempt),
        )

    @contextmanager
    def answer(self, request: httpcore2.Request, *, deadline: Deadline) -> Iterator[httpcore2.Response]:
        """Send a request and provide its response; the body can be read inside the block only.

        Raises RefusedDestination, UnresolvedName, TimeoutError, and httpcore2's errors.
        """
        self._attempt.deadline = deadline
        response = self._pool.handle_request(request)
        try:
            yield response
        finally:
            response.close()

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


class _Attempt(threading.local):
    """The attempt of the current thread: a pooled connection serves a different attempt each time."""

    deadline: Deadline


class _CheckedNetwork(httpcore2.NetworkBackend):
    """A network that resolves a host once and connects to a checked address. TLS still verifies the host's name."""

    def __init__(self, destinations: Destinations, attempt: _Attempt) -> None:
        self._destinations = destinations
        self._attempt = attempt
        self._network = httpcore2.SyncBackend()

    def connect_tcp(  # noqa: PLR0917 - the signature is httpcore2's
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        deadline = self._attempt.deadline
        addresses = self._destinations.addresses(host, seconds=deadline.remaining())
        failure: Exception = httpcore2.ConnectError("the host name has no address")
        # Each address gets a share of the time, so that one that does not answer leaves some for the others.
        for address, seconds in zip(addresses, deadline.shares(len(addresses)), strict=True):
            try:
                return self._connect(address, port, seconds=seconds)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    def _connect(self, address: Address, port: int, *, seconds: float) -> httpcore2.NetworkStream:
        stream = self._network.connect_tcp(str(address), port, timeout=seconds)
        return _LimitedStream(stream, self._attempt)


class _LimitedStream(httpcore2.NetworkStream):
    """A stream that applies the attempt's deadline to every step, so that a slow trickle of bytes cannot extend it."""

    def __init__(self, stream: httpcore2.NetworkStream, attempt: _Attempt) -> None:
        self._stream = stream
        self._attempt = attempt

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, timeout=self._attempt.deadline.remaining())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=self._attempt.deadline.remaining())

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        seconds = self._attempt.deadline.remaining()
        return _LimitedStream(self._stream.start_tls(ssl_context, server_hostname, timeout=seconds), self._attempt)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def close(self) -> None:
        self._stream.close()
