"""Tracing: spans are sent to a collector, by the protocol of OpenTelemetry over HTTP."""
