"""A collector of traces: it speaks OTLP over HTTP, as real ones do, and keeps what it is sent."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A span as it arrived."""

    name: str
    span: Span
    resource: dict[str, Any]

    @property
    def facts(self) -> dict[str, Any]:
        """Its attributes."""
        return _values(self.span.attributes)

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The errors that it has as events."""
        return [_values(event.attributes) for event in self.span.events if event.name == "exception"]


class Collector:
    """A running collector and the spans that it has. While `is_well` is not set, it refuses."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_well = threading.Event()
        self.is_well.set()
        self.asked = threading.Semaphore(0)  # counts the requests
        self._spans: list[Seen] = []

    def take(self, body: bytes) -> None:
        """Keep the spans of a request."""
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = _values(of_resource.resource.attributes)
            for of_scope in of_resource.scope_spans:
                self._spans += (Seen(name=span.name, span=span, resource=resource) for span in of_scope.spans)

    def named(self, name: str) -> list[Seen]:
        """The spans of a name, as they came."""
        return [one for one in self._spans if one.name == name]


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector on a free port."""

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            is_well = collector.is_well.is_set() and self.path == "/v1/traces"
            if is_well:
                collector.take(gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
            self.send_response(200 if is_well else 400)
            self.send_header("content-length", "0")
            self.end_headers()
            collector.asked.release()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
