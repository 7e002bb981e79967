"""Spans: what took how long, and within what, for those who trace a process. Nobody does, unless the operator says so.

They are handed down as counters are; `tracing` makes them with OpenTelemetry. One that nobody asked for costs a call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Final, NewType, Protocol, Self

Facts = Mapping[str, str | int | float | bool]
"""The attributes of a span, by name."""

Origin = NewType("Origin", object)
"""The place of a span in its trace, for others that follow from it in another thread; only tracing looks into it."""

NO_FACTS: Final[Facts] = {}


class Span(Protocol):
    """A span that has begun."""

    def named(self, name: str) -> None:
        """Give it another name."""

    def note(self, facts: Facts) -> None:
        """Add attributes."""

    def failed(self, error: BaseException) -> None:
        """Add an error as an event, and mark the span as failed."""


class Spans(Protocol):
    """The spans of one process."""

    def span(
        self, name: str, facts: Facts = NO_FACTS, *, origins: Sequence[Origin] = ()
    ) -> AbstractContextManager[Span]:
        """Provide a span of the block, which fails if the block raises; `origins` are other spans that it is for."""

    def serving(self, name: str, *, traceparent: str | None) -> AbstractContextManager[Span]:
        """Provide the span of a request; it goes on with the trace of the caller, if there is one."""

    def follow(self, future: Future[Any], name: str) -> None:
        """Make a span that lasts until the future is done, within the span of this thread."""

    def here(self) -> Origin | None:
        """Return the place of the span of this thread or task; None if there is none."""

    def close(self) -> None:
        """Send what is left, for a few seconds at most. Closing twice is fine."""


class _NoSpans:
    """No spans: one object is each of them, and the block of each."""

    def span(self, name: str, facts: Facts = NO_FACTS, *, origins: Sequence[Origin] = ()) -> _NoSpans:
        return self

    def serving(self, name: str, *, traceparent: str | None) -> _NoSpans:
        return self

    def follow(self, future: Future[Any], name: str) -> None:
        pass

    def here(self) -> None:
        return None

    def close(self) -> None:
        pass

    def named(self, name: str) -> None:
        pass

    def note(self, facts: Facts) -> None:
        pass

    def failed(self, error: BaseException) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


_NOTHING: Final = _NoSpans()

NO_SPANS: Final[Spans] = _NOTHING
"""The spans of a process that nobody traces."""

NO_SPAN: Final[Span] = _NOTHING
"""Each of these."""
