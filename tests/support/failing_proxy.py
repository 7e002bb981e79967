"""A proxy in front of an object store that fails on purpose, and remembers what it was asked.

A fault takes the next requests that it is for, as many as it says, and then is used up. What none takes is passed on.
"""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass(kw_only=True)
class Fault:
    """A failure of the next `times` requests whose method and path, with its query, a pattern is found in."""

    pattern: str
    times: int = 1
    after: int = 0  # so many requests that it is for are passed on before
    every: int = 1  # of those that it is for, it takes one in so many
    status: int | None = None  # answer with it, and ask nobody
    code: str = "SlowDown"  # the store's word for it
    unheard: bool = False  # hang up without asking anybody
    unanswered: bool = False  # ask, and hang up instead of answering
    cut_at: int | None = None  # hang up after so many bytes of the answer's body
    wait_for: threading.Event | None = None  # hold the request until it is set


@dataclass
class FailingProxy:
    """A proxy with its faults and its memory."""

    url: str
    faults: list[Fault] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)  # "METHOD path?query", in order
    authorizations: list[str | None] = field(default_factory=list)  # what was sent with each
    news: threading.Condition = field(default_factory=threading.Condition)

    def fails(self, pattern: str, **how: Any) -> Fault:
        """Add a fault for requests in which the pattern is found."""
        fault = Fault(pattern=pattern, **how)
        self.faults.append(fault)
        return fault

    def count(self, pattern: str) -> int:
        """Count the requests so far in which the pattern is found."""
        return sum(1 for asked in self.asked if re.search(pattern, asked))

    def seen(self, pattern: str) -> bool:
        """Wait for a request in which the pattern is found; False if none comes."""
        with self.news:
            return self.news.wait_for(lambda: self.count(pattern) > 0, timeout=60)

    def fault_of(self, asked: str, authorization: str | None) -> Fault | None:
        """Note a request, and take the fault that it meets."""
        with self.news:
            self.asked.append(asked)
            self.authorizations.append(authorization)
            self.news.notify_all()
            for fault in self.faults:
                if fault.times and re.search(fault.pattern, asked):
                    if fault.after:
                        fault.after -= 1
                        continue
                    fault.after = fault.every - 1
                    fault.times -= 1
                    return fault
        return None


@contextmanager
def failing_proxy(upstream: str) -> Iterator[FailingProxy]:
    """Have a proxy in front of the server at this URL while the block runs."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.proxy = FailingProxy(url=f"http://127.0.0.1:{server.server_address[1]}")
    server.upstream = str(urlsplit(upstream).netloc)
    thread = threading.Thread(target=server.serve_forever, name="failing proxy", kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a client may keep its connection for as long as it likes
    proxy: FailingProxy
    upstream: str

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients hang up, and are hung up on."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server.proxy.fault_of(f"{self.command} {self.path}", self.headers["Authorization"])
        if fault and fault.wait_for:
            fault.wait_for.wait(60)
        if fault and fault.unheard:
            self.close_connection = True
            return
        if fault and fault.status:
            self._answer(fault.status, _error(fault.code), {"Content-Type": "application/xml"})
            return
        status, headers, content = self._ask(body)
        if fault and fault.unanswered:
            self.close_connection = True
            return
        self._answer(status, content, headers, cut_at=fault.cut_at if fault else None)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on  # noqa: N815 - the library's names

    def _ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.server.upstream, timeout=60)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() != "connection":
                    connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            headers = {n: v for n, v in answer.getheaders() if n.lower() not in {"connection", "transfer-encoding"}}
            return answer.status, headers, answer.read()
        finally:
            connection.close()

    def _answer(self, status: int, content: bytes, headers: dict[str, str], *, cut_at: int | None = None) -> None:
        self.send_response_only(status)
        if self.command != "HEAD":
            headers = {name: value for name, value in headers.items() if name.lower() != "content-length"}
            headers["Content-Length"] = str(len(content))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content if cut_at is None else content[:cut_at])
        if cut_at is not None:
            self.close_connection = True


def _error(code: str) -> bytes:
    return (
        f"<?xml version='1.0' encoding='UTF-8'?>\n<Error><Code>{code}</Code><Message>{code}.</Message></Error>".encode()
    )
