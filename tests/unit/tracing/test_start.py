from __future__ import annotations

import socket
import sys

import pytest
from structlog.testing import capture_logs

from dayfile.errors import StorageUnavailable
from dayfile.spans import NO_SPANS, Spans
from dayfile.tracing import otel_spans
from dayfile.tracing.start import start_tracing
from tests.support.collector import Collector, collecting
from tests.support.recorded_log import recorded_log

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def traced(monkeypatch: pytest.MonkeyPatch, url: str) -> Spans:
    """Spans that are sent to an address, once they are closed."""
    monkeypatch.setenv(ENDPOINT, url)
    return start_tracing({ENDPOINT: url})


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {ENDPOINT: ""},
        {ENDPOINT: "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"},
        {ENDPOINT: "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_nobody_is_traced_who_does_not_ask_for_it(environment: dict[str, str]) -> None:
    """And it costs nothing: not even the library is loaded."""
    assert start_tracing(environment) is NO_SPANS


def test_empty_variables_count_as_unset() -> None:
    """Files for containers and services often name a variable that they have no value for."""
    empty = dict.fromkeys(("OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_PROTOCOL"), "")
    spans = start_tracing(empty | {ENDPOINT: "http://127.0.0.1:4318"})
    assert spans is not NO_SPANS
    spans.close()


def test_a_missing_extra_is_told_and_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is often set for all programs of a machine."""
    monkeypatch.delitem(sys.modules, "dayfile.tracing.otel_spans", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with recorded_log() as log:
        assert start_tracing({ENDPOINT: "http://127.0.0.1:4318"}) is NO_SPANS
        assert "pip install 'dayfile[otel]'" in log.next("traces.off")["what_to_do"]


def test_a_protocol_that_is_not_spoken_is_told() -> None:
    """Another one would send everything to a port that does not understand it."""
    with recorded_log() as log:
        assert start_tracing({ENDPOINT: "http://127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}) is NO_SPANS
        assert "'grpc'" in log.next("traces.off")["reason"]


def test_spans_arrive_with_their_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message of a bug may have a piece of a record in it, so that only its type is sent."""
    with collecting() as collector:
        spans = traced(monkeypatch, collector.url)
        for error in (StorageUnavailable("the bucket does not answer"), ValueError("secret of a customer")):
            with pytest.raises(type(error)), spans.span("work", {"dayfile.day": "2026-10-01"}):
                raise error
        spans.close()
    away, bug = collector.named("work")
    assert (away.facts, away.resource["service.name"]) == ({"dayfile.day": "2026-10-01"}, "dayfile")
    assert away.errors == [{"exception.type": "StorageUnavailable", "exception.message": "the bucket does not answer"}]
    assert bug.errors == [{"exception.type": "ValueError"}]
    assert b"secret" not in bug.span.SerializeToString()


def test_a_collector_that_is_away_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line for every batch of spans would be most of the log; and nobody waits for it when a process ends."""
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
    with collecting() as collector, capture_logs() as logged:
        spans = traced(monkeypatch, collector.url)
        collector.is_well.clear()
        for _ in range(3):
            _one_sent(spans, collector)
        collector.is_well.set()
        _one_sent(spans, collector)
        spans.close()
    assert [(one["event"], one["log_level"]) for one in logged] == [
        ("traces.not_sent", "warning"),
        ("traces.sent_again", "info"),
    ]


def test_it_is_told_why_nothing_can_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator looks for a wrong address first."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1.5")
    monkeypatch.setattr(otel_spans, "_CLOSE_SECONDS", 30.0)
    with recorded_log() as log:
        spans = traced(monkeypatch, url)
        with spans.span("work"):
            pass
        spans.close()
        assert "refused" in log.next("traces.not_sent")["reason"]


def _one_sent(spans: Spans, collector: Collector) -> None:
    with spans.span("work"):
        pass
    assert collector.asked.acquire(timeout=30)
