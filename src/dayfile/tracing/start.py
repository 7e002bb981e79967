"""The decision whether a process is traced. It is the environment's, in OpenTelemetry's own variables.

Apart, because a process that is not traced loads nothing of OpenTelemetry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import structlog

from dayfile.spans import NO_SPANS, Spans

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_ONLY_PROTOCOL: Final = "http/protobuf"

log = structlog.get_logger()


def start_tracing(environment: Mapping[str, str]) -> Spans:
    """Return the spans that the environment asks for. What is wrong with that is told in the log, and nothing else."""
    if not _is_wanted(environment):
        return NO_SPANS
    protocol = next((environment[name] for name in _PROTOCOLS if environment.get(name)), _ONLY_PROTOCOL)
    if protocol != _ONLY_PROTOCOL:
        return _not_traced(
            f"the protocol {protocol!r} is not spoken here", f"use {_ONLY_PROTOCOL}, port 4318 as a rule"
        )
    try:
        from dayfile.tracing.otel_spans import OtelSpans
    except ImportError as error:
        return _not_traced(str(error), "install the extra: pip install 'dayfile[otel]'")
    try:
        return OtelSpans.to_collector(environment)
    except Exception as error:  # noqa: BLE001 - a library reads the variables, and raises what it likes
        return _not_traced(f"{type(error).__name__}: {error}", "look at the variables OTEL_...")


def _is_wanted(environment: Mapping[str, str]) -> bool:
    is_disabled = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    # An empty variable counts as unset, says the specification.
    is_elsewhere = (environment.get("OTEL_TRACES_EXPORTER", "").strip() or "otlp") != "otlp"
    return any(environment.get(name) for name in _ENDPOINTS) and not is_disabled and not is_elsewhere


def _not_traced(reason: str, what_to_do: str) -> Spans:
    log.warning("traces.off", reason=reason, what_to_do=what_to_do)
    return NO_SPANS
