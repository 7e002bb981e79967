"""Spans made with OpenTelemetry, and sent by a thread of its library, which drops them rather than wait."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Final, Self, cast

import structlog
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from dayfile import __version__
from dayfile.errors import DayfileError
from dayfile.spans import NO_FACTS, Facts, Origin

log = structlog.get_logger()

_NAME: Final = "dayfile"
_CLOSE_SECONDS: Final = 3.0  # a collector that is away must not keep a process from ending


class OtelSpans:
    """The spans of a process that is traced."""

    def __init__(self, exporter: SpanExporter, *, names_service: bool) -> None:
        named = {"service.name": _NAME} if names_service else {}
        self._provider = TracerProvider(
            resource=Resource.create({"service.version": __version__, **named}), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(_ToldOnce(exporter)))
        self._tracer = self._provider.get_tracer(_NAME, __version__)

    @classmethod
    def to_collector(cls, environment: Mapping[str, str]) -> Self:
        """Make spans that are sent where the variables of OpenTelemetry say; raises what its library does."""
        has_name = "service.name=" in environment.get("OTEL_RESOURCE_ATTRIBUTES", "")
        return cls(OTLPSpanExporter(), names_service=not has_name and not environment.get("OTEL_SERVICE_NAME"))

    @contextmanager
    def span(self, name: str, facts: Facts = NO_FACTS, *, origins: Sequence[Origin] = ()) -> Iterator[_Running]:
        links = [trace.Link(cast("trace.SpanContext", origin)) for origin in origins]
        with self._tracer.start_as_current_span(
            name, attributes=facts, links=links, record_exception=False, set_status_on_exception=False
        ) as span:
            yield from _running(span)

    @contextmanager
    def serving(self, name: str, *, traceparent: str | None) -> Iterator[_Running]:
        carried = {} if traceparent is None else {"traceparent": traceparent}
        with self._tracer.start_as_current_span(
            name,
            context=TraceContextTextMapPropagator().extract(carried),
            kind=trace.SpanKind.SERVER,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            yield from _running(span)

    def follow(self, future: Future[Any], name: str) -> None:
        span = self._tracer.start_span(name)

        def end(done: Future[Any]) -> None:
            if not done.cancelled() and (error := done.exception()) is not None:
                _Running(span).failed(error)
            span.end()

        future.add_done_callback(end)

    def here(self) -> Origin | None:
        context = trace.get_current_span().get_span_context()
        return Origin(context) if context.is_valid else None

    def close(self) -> None:
        ending = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        ending.start()
        ending.join(_CLOSE_SECONDS)


class _Running:
    """A span that has begun."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def named(self, name: str) -> None:
        self._span.update_name(name)

    def note(self, facts: Facts) -> None:
        self._span.set_attributes(facts)

    def failed(self, error: BaseException) -> None:
        # The message of any other error may have anything in it, also of a record; the log has its trace.
        said = {"exception.message": str(error)} if isinstance(error, DayfileError) else {}
        self._span.add_event("exception", {"exception.type": type(error).__qualname__, **said})
        self._span.set_status(trace.StatusCode.ERROR, type(error).__name__)


def _running(span: trace.Span) -> Iterator[_Running]:
    running = _Running(span)
    try:
        yield running
    except Exception as error:
        running.failed(error)
        raise


class _ToldOnce(SpanExporter):
    """An exporter that tells once that spans cannot be sent, and once that they are sent again."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._reasons = _Reasons()
        self._is_away = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._reasons.forget()
        result = self._exporter.export(spans)
        is_away = result is not SpanExportResult.SUCCESS
        if is_away and not self._is_away:
            log.warning("traces.not_sent", reason=self._reasons.first, what_happens="they are dropped until it is well")
        elif self._is_away and not is_away:
            log.info("traces.sent_again")
        self._is_away = is_away
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._exporter.force_flush(timeout_millis)


class _Reasons(logging.Handler):
    """The first complaint of the library about some spans: it makes one for each attempt, and the last says nothing."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.first = ""
        library = logging.getLogger("opentelemetry")
        library.handlers[:] = [self]
        library.propagate = False

    def forget(self) -> None:
        """Begin with other spans."""
        self.first = ""

    def emit(self, record: logging.LogRecord) -> None:
        if not self.first:
            self.first = record.getMessage()[:300]
