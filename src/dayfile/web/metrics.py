"""Metrics as Prometheus reads them: the state of the instance, and what its processes have counted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PATH: Final = "/metrics"


class Source(Protocol):
    """A source of metrics."""

    def collect(self) -> Iterable[Metric]:
        """Return the metrics as they are now."""
        ...


class Metrics:
    """The metrics of some sources, in one text."""

    def __init__(self, *sources: Source) -> None:
        self._registry = CollectorRegistry()
        for source in sources:
            self._registry.register(_Registered(source))

    def answer(self) -> Response:
        """Return the text as the answer to a request. It may take seconds, so call it in a thread."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)

    def app(self) -> Starlette:
        """Return an app that answers whoever reaches it, and has nothing else: for a listener of its own."""

        def metrics(_: Request) -> Response:
            return self.answer()

        return Starlette(routes=[Route(PATH, metrics)])


class _Registered(Collector):
    """A source as the library's registry takes it: it is asked for nothing until somebody reads."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def collect(self) -> Iterable[Metric]:
        return self._source.collect()

    def describe(self) -> Iterable[Metric]:
        return ()
