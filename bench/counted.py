"""Counts of what a database and an object store are asked: rows and bytes by PostgreSQL, requests by a proxy."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import urlsplit

_OWN: Final = {"connection", "transfer-encoding", "content-length", "keep-alive"}
_STATISTICS: Final = """
    SELECT xact_commit, tup_inserted, tup_updated, tup_deleted, pg_database_size(datname),
           (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint
    FROM pg_stat_database WHERE datname = current_database()
"""
_NAMES: Final = ("transactions", "rows added", "rows changed", "rows deleted", "database bytes", "log bytes")


def postgresql_counts(url: str) -> Counter[str]:
    """Return what PostgreSQL has counted by now: of this database, and the bytes of the log of the whole server."""
    import psycopg  # noqa: PLC0415 - an extra

    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("SELECT pg_stat_clear_snapshot()")
        row = connection.execute(_STATISTICS).fetchone()
    return Counter(dict(zip(_NAMES, row or (), strict=True)))


@contextmanager
def counting(upstream: str) -> Iterator[tuple[str, Counter[str]]]:
    """Have a proxy in front of an object store; its URL, and the requests so far, by kind.

    The store sees the proxy's name in the header Host, which is what was signed; one that insists on its own refuses.
    """
    server = _Server(("127.0.0.1", 0), _Asking)
    server.upstream = upstream
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", server.counts
    finally:
        server.shutdown()
        server.server_close()


def kind_of(method: str, path: str) -> str:
    """Return the kind of a request, as object stores charge for it."""
    query = urlsplit(path).query
    if method == "GET" and ("list-type" in query or "prefix=" in query or "delimiter=" in query):
        return "LIST"
    if method == "PUT" and "partNumber" in query:
        return "PUT of a part"
    if method == "POST":
        return "DELETE of many" if query.startswith("delete") else "POST for parts"
    return method


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.upstream = ""
        self.counts: Counter[str] = Counter()
        self.lock = threading.Lock()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients hang up."""


class _Asking(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    _connection: http.client.HTTPConnection | None = None

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.server.lock:
            self.server.counts[kind_of(self.command, self.path)] += 1
        answer = self._asked(body)
        content = answer.read()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _OWN:
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on  # noqa: N815 - the library's names

    def _asked(self, body: bytes) -> http.client.HTTPResponse:
        if self._connection is None:
            where = urlsplit(self.server.upstream)
            of_scheme = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
            self._connection = of_scheme(where.netloc, timeout=120)
        self._connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() != "connection":
                self._connection.putheader(name, value)
        self._connection.endheaders(body)
        return self._connection.getresponse()

    def log_message(self, *_: object) -> None:
        """Say nothing."""
