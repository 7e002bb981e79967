"""A transport to several servers that are one to a client, as a load balancer makes them: who is down is left out."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from typing import Final

import httpx2

PATIENCE: Final = 60
"""Tries of one request, half a second apart."""

_PAUSE_SECONDS: Final = 0.5
_TIMEOUTS: Final = {"connect": 2.0, "read": 8.0, "write": 8.0, "pool": 8.0}  # a server that is frozen says nothing


class AnyServer(httpx2.BaseTransport):
    """Brings a request for any of the servers to one that answers; one for somebody else goes there as it is.

    A request that was not answered is sent again, of whatever kind it is: a job may be submitted twice.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = ports
        self._next = itertools.count()
        self._http = httpx2.HTTPTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.port not in self._ports:
            return self._http.handle_request(request)
        body = request.read()
        for remaining in reversed(range(PATIENCE)):
            try:
                answer = self._ask(request, body)
            except httpx2.TransportError:
                if not remaining:
                    raise
            else:
                if answer.status_code != httpx2.codes.SERVICE_UNAVAILABLE or not remaining:
                    return answer
            threading.Event().wait(_PAUSE_SECONDS)
        raise AssertionError("it was returned or raised")

    def close(self) -> None:
        self._http.close()

    def _ask(self, request: httpx2.Request, body: bytes) -> httpx2.Response:
        """Ask the server whose turn it is, and read its whole answer: it may be killed in the middle of it."""
        port = self._ports[next(self._next) % len(self._ports)]
        sent = httpx2.Request(
            request.method,
            request.url.copy_with(host="127.0.0.1", port=port),
            headers=request.headers,  # with the host that was asked for
            content=body,
            extensions={**request.extensions, "timeout": _TIMEOUTS},
        )
        answer = self._http.handle_request(sent)
        try:
            content = b"".join(answer.iter_raw())
        finally:
            answer.close()
        return httpx2.Response(answer.status_code, headers=answer.headers, stream=httpx2.ByteStream(content))
